/* SPDX-License-Identifier: Apache-2.0
 *
 * What surrounds the network in the ECG example, all of it causal: the filter before it, the beat
 * detector beside it, and the decision after it.
 */
#ifndef ECG_MONITOR_H
#define ECG_MONITOR_H

#include <stddef.h>
#include <stdint.h>

enum {
    ECG_RATE = 180, /* samples per second that the network sees: pairs of the recording's 360 */
    ECG_AHEAD = 8   /* samples that it forecasts: 44 ms */
};

typedef struct ecg_beat {
    size_t at;      /* the R peak, in samples of ECG_RATE */
    float width_ms; /* of the QRS complex at half its height */
    float score;    /* mean squared forecast error from 28 to 200 ms after the R peak, mV^2 */
    int flagged;    /* score above the median + 8 MAD of the beats so far */
    int wide;       /* the independent criterion: width_ms above ECG_WIDE_MS */
} ecg_beat;

#define ECG_WIDE_MS 50.0f

typedef struct ecg_monitor {
    size_t capacity, n; /* samples */
    float *x;           /* [capacity] what the network sees, mV */
    float *forecast;    /* [capacity][ECG_AHEAD] its forecasts */
    float *error;       /* [capacity] mean squared error of the forecasts for that sample, mV^2 */
    ecg_beat *beats;
    size_t n_beats, n_judged;
    double baseline;
    float usual_height; /* of R peaks, mV */
    ptrdiff_t candidate, last_peak;
} ecg_monitor;

/* Room for `capacity` samples; 0 when there is no memory. */
int ecg_monitor_init(ecg_monitor *m, size_t capacity);
void ecg_monitor_free(ecg_monitor *m);

/* Takes the next two samples of the recording; returns the one for the network. */
const float *ecg_monitor_push(ecg_monitor *m, int16_t first, int16_t second);

/* Call after the network has written m->forecast of that sample: detects and judges beats. */
void ecg_monitor_judge(ecg_monitor *m);

#endif
