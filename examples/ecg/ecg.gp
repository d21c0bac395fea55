# SPDX-License-Identifier: Apache-2.0
#
# Draws six rows of ten seconds: the ECG, flagged beats in red, below it the forecast error.
#
#   gnuplot -e "folder='build/demo'; from=140" ecg.gp

if (!exists("folder")) folder = "."
if (!exists("from")) from = 140

rows = 6
row_s = 10.0
ink = "#22303c"
alarm = "#d62f2f"
calm = "#7f98ab"

set terminal pngcairo size 1500, 1360 enhanced font "DejaVu Sans,11" background "#ffffff"
set output folder."/ecg.png"
set datafile separator "\t"

# A flagged beat is drawn in red from 0.11 s before its R peak to 0.2 s after it. Samples come in order of time, so one
# index walks through the peaks.
array peaks[2000]
n_peaks = 0
stats folder."/beats.tsv" using ($2 == 1 ? (n_peaks = n_peaks + 1, peaks[n_peaks] = $1, 0) : 0) nooutput
next = 1
flagged(t) = (next <= n_peaks && t > peaks[next] + 0.2 ? next = next + 1 : 0, \
              next <= n_peaks && t >= peaks[next] - 0.11 && t <= peaks[next] + 0.2)

error_floor = -2.6
error_height(e) = error_floor + 0.9 * (e < 1 ? e : 1)

set multiplot layout rows, 1 margins 0.05, 0.985, 0.058, 0.913 spacing 0, 0.024
set label 1 "{/=17:Bold An LSTM that forecasts the next 44 ms of an ECG flags the beats it did not expect}" \
    at screen 0.05, 0.973 left textcolor rgb ink
set label 2 "{/=12 MIT-BIH record 208, lead MLII, a minute it was not trained on.  {/:Bold Red}: flagged.  \
{/:Bold Triangles}: QRS over 50 ms at half height, which it does not know.  Below: forecast error}" \
    at screen 0.05, 0.945 left textcolor rgb "#506070"
set label 3 "{/=10 Signal: Moody and Mark 2001, PhysioNet (Goldberger et al. 2000), ODC-By.  \
Time in seconds; grid 0.5 s by 1 mV.}" at screen 0.05, 0.018 left textcolor rgb "#506070"
set border 0
unset key
set yrange [error_floor : 2.9]
set ytics ("-1 mV" -1, "0" 0, "+1" 1, "+2" 2) scale 0 textcolor rgb "#506070" font ",9"
set xtics 1 scale 0 textcolor rgb "#506070" font ",9" offset 0, 0.4
set mxtics 2
set grid xtics ytics mxtics linetype 1 linecolor rgb "#f0d9d9" linewidth 0.6, \
    linetype 1 linecolor rgb "#f8ecec" linewidth 0.5

do for [row = 0 : rows - 1] {
    first = from + row * row_s
    set xrange [first : first + row_s]
    next = 1
    plot folder."/signal.tsv" \
             using 1:(error_floor):(error_height($3)) with filledcurves linecolor rgb calm, \
         "" using 1:2 with lines linewidth 1.4 linecolor rgb ink, \
         "" using 1:(flagged($1) ? $2 : NaN) with lines linewidth 2.4 linecolor rgb alarm, \
         folder."/beats.tsv" using ($3 == 1 ? $1 : NaN):(2.65) with points pointtype 11 pointsize 1.1 linecolor rgb ink
    unset label 1
    unset label 2
    unset label 3
}
unset multiplot
