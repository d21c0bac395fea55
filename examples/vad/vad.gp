# SPDX-License-Identifier: Apache-2.0
#
# gnuplot -e "folder='FOLDER'" vad.gp: draws FOLDER/vad.tsv as FOLDER/vad.svg, the waveform above the probability of speech.
if (!exists("folder")) folder = "."

ink = "#22303c"
voice = "#d62f2f"
shade = "#f6dcdc"

table = folder."/vad.tsv"
stats table using 1 nooutput
seconds = STATS_max + 0.032
stats table using 2:3 nooutput
top = STATS_max_y > -STATS_min_x ? STATS_max_y : -STATS_min_x

set terminal svg size 1100, 420 font "DejaVu Sans,11" background "#ffffff"
set output folder."/vad.svg"
set datafile separator "\t"
set multiplot layout 2, 1 margins 0.06, 0.985, 0.1, 0.9 spacing 0, 0.04
set label 1 "Where Silero VAD hears speech (shaded), from one window of 32 ms to the next" \
    at screen 0.06, 0.95 left textcolor rgb ink
set border 0
unset key
set xrange [0 : seconds]
set style fill solid 1 noborder
set xtics 1 scale 0 textcolor rgb "#506070" format ""
set grid xtics linetype 1 linecolor rgb "#e8eef2"

set yrange [-1 : 1]
set ytics (-1, 0, 1) scale 0 textcolor rgb "#506070"
plot table using 1:($5 == 1 ? -1 : 0):($5 == 1 ? 1 : 0) with filledcurves linecolor rgb shade, \
     "" using 1:($2 / top):($3 / top) with filledcurves linecolor rgb ink
unset label 1
set format x
set yrange [0 : 1.02]
set ytics (0, 0.35, 0.5, 1) scale 0 textcolor rgb "#506070"
set grid xtics ytics linetype 1 linecolor rgb "#e8eef2"
set label 2 "seconds" at screen 0.985, 0.02 right textcolor rgb "#506070"
plot table using 1:(0):($5 == 1 ? 1.02 : 0) with filledcurves linecolor rgb shade, \
     "" using 1:4 with steps linewidth 1.6 linecolor rgb voice
unset multiplot
