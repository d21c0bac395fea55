# SPDX-License-Identifier: Apache-2.0
#
# The C blocks of a page that shows the middle of a program, as a function.
/^```/ { code = /^```c$/; next }
code && /^#include/ { includes = includes $0 "\n"; next }
code { body = body $0 "\n" }
END {
    printf "%s#include <stdio.h>\n\nint next_sample(float *sample);\nint program(float *sample, float *forecast);\n\n", includes
    printf "int program(float *sample, float *forecast)\n{\n%sreturn 0;\n}\n", body
}
