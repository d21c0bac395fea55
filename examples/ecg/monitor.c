/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor.h"

#include <math.h>
#include <stdlib.h>

#define UNITS_PER_MILLIVOLT 200.0
#define BASELINE_HZ 0.5 /* slower than this is the electrode, not the heart */
#define PI 3.14159265358979323846

enum {
    CONFIRM = ECG_RATE / 10,      /* a peak counts if nothing is higher for 100 ms */
    REFRACTORY = ECG_RATE / 4,    /* a heart does not beat again within 250 ms */
    BEFORE = ECG_RATE * 15 / 100, /* where the foot of a QRS complex is searched */
    SCORE_FROM = 5,               /* 28 ms after the R peak: when a beat begins cannot be forecast, */
    SCORE_TO = 36,                /* how it continues can */
    LEARN = 16                    /* beats before the first judgement */
};
#define MADS 8.0f

int ecg_monitor_init(ecg_monitor *m, size_t capacity)
{
    *m = (ecg_monitor){.capacity = capacity, .usual_height = 1.5f, .candidate = -1, .last_peak = -REFRACTORY};
    m->x = calloc(capacity, sizeof *m->x);
    m->forecast = calloc(capacity, ECG_AHEAD * sizeof *m->forecast);
    m->error = calloc(capacity, sizeof *m->error);
    m->beats = calloc(capacity / REFRACTORY + 1, sizeof *m->beats);
    return m->x && m->forecast && m->error && m->beats;
}

void ecg_monitor_free(ecg_monitor *m)
{
    free(m->x);
    free(m->forecast);
    free(m->error);
    free(m->beats);
}

const float *ecg_monitor_push(ecg_monitor *m, int16_t first, int16_t second)
{
    const double keep = 1.0 - 2.0 * PI * BASELINE_HZ / ECG_RATE;
    const double v = (first + second) / (2.0 * UNITS_PER_MILLIVOLT);
    m->baseline = m->n == 0 ? v : keep * m->baseline + (1.0 - keep) * v;
    m->x[m->n] = (float)fmax(-4.0, fmin(4.0, v - m->baseline));
    return &m->x[m->n++];
}

/* Compares the newest sample with what was forecast for it 1 to ECG_AHEAD samples ago. */
static float forecast_error(const ecg_monitor *m)
{
    const size_t t = m->n - 1;
    float sum = 0;
    for (size_t j = 1; j <= ECG_AHEAD && j <= t; j++) {
        const float d = m->forecast[(t - j) * ECG_AHEAD + j - 1] - m->x[t];
        sum += d * d;
    }
    return sum / ECG_AHEAD;
}

/* The highest sample above half the usual height that none of the next CONFIRM exceeds. */
static int detect(ecg_monitor *m)
{
    const ptrdiff_t t = (ptrdiff_t)m->n - 1;
    if (t - m->last_peak < REFRACTORY) return 0;
    const float v = m->x[t];
    if (v > fmaxf(0.4f, 0.5f * m->usual_height) && (m->candidate < 0 || v > m->x[m->candidate])) {
        m->candidate = t;
        return 0;
    }
    if (m->candidate < 0 || t - m->candidate < CONFIRM) return 0;
    m->last_peak = m->candidate;
    m->candidate = -1;
    const float height = fminf(m->x[m->last_peak], 2.0f * m->usual_height); /* an artefact no longer counts */
    m->usual_height += 0.125f * (height - m->usual_height);
    return 1;
}

static float width_ms(const float *x, size_t n, size_t peak)
{
    const size_t first = peak > BEFORE ? peak - BEFORE : 0;
    float foot = x[peak];
    for (size_t i = first; i < peak; i++) foot = fminf(foot, x[i]);
    const float half = foot + 0.5f * (x[peak] - foot);
    size_t left = peak, right = peak;
    while (left > 0 && x[left] > half) left--;
    while (right + 1 < n && x[right] > half) right++;
    return (float)(right - left) * 1000.0f / ECG_RATE;
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float median(float *v, size_t n)
{
    qsort(v, n, sizeof *v, ascending);
    return n % 2 ? v[n / 2] : 0.5f * (v[n / 2 - 1] + v[n / 2]);
}

/* Above the median + MADS median absolute deviations of the latest beats, this one included? */
static int unusual(const ecg_beat *beats, size_t n)
{
    enum { LATEST = 512 };
    float v[LATEST];
    const size_t count = n < LATEST ? n : LATEST;
    for (size_t i = 0; i < count; i++) v[i] = beats[n - count + i].score;
    const float middle = median(v, count);
    for (size_t i = 0; i < count; i++) v[i] = fabsf(v[i] - middle);
    return n > LEARN && beats[n - 1].score > middle + MADS * median(v, count);
}

void ecg_monitor_judge(ecg_monitor *m)
{
    m->error[m->n - 1] = forecast_error(m);
    if (detect(m)) m->beats[m->n_beats++].at = (size_t)m->last_peak;
    if (m->n_judged == m->n_beats || m->n < m->beats[m->n_judged].at + SCORE_TO) return;
    ecg_beat *const b = &m->beats[m->n_judged++];
    for (size_t i = b->at + SCORE_FROM; i < b->at + SCORE_TO; i++) b->score += m->error[i] / (SCORE_TO - SCORE_FROM);
    b->flagged = unusual(m->beats, m->n_judged);
    b->width_ms = width_ms(m->x, m->n, b->at);
    b->wide = b->width_ms > ECG_WIDE_MS;
}
