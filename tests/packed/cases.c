/* SPDX-License-Identifier: Apache-2.0
 *
 * cases <folder of ONNX files>...: each model that loads is packed, read back and run. The packed one must answer every
 * question as the original does: the same status and sentence, or the same bits; and packed again, the same file.
 */
#include "../model/answer.h"
#include "packed.h"

#include "rnnpack/onnx.h"

#include <glob.h>

/* Returns 1 for a model that ran, 0 for one that did not load or does not run on these inputs. */
static int check(rnnp_context *context, const char *path)
{
    OWNED(model) model = NULL, *packed = NULL;

    if (rnnp_onnx_open_file(context, path, NULL, &model) != RNNP_OK) return 0;
    DROPPED(free_buffer) const buffer file = write_for_all(model);
    OK(rnnp_packed_open_memory(context, file.at, file.size, NULL, &packed));
    assert_int_equal(rnnp_model_node_count(model), rnnp_model_node_count(packed));
    DROPPED(free_answer) answer a = ask(context, model), b = ask(context, packed);
    assert_same_answers(&a, &b);
    DROPPED(free_buffer) const buffer again = write_for_all(packed);
    assert_int_equal(file.size, again.size);
    assert_memory_equal(file.at, again.at, file.size);
    const int ran = a.status == RNNP_OK;
    return ran;
}

static char **folders;

TEST(test_cases)
{
    OWNED(context) context = make_context(NULL, 1);
    size_t seen = 0, ran = 0;

    for (char **folder = folders; *folder; folder++) {
        char pattern[600];
        glob_t found;

        snprintf(pattern, sizeof pattern, "%s/*/*.onnx", *folder);
        assert_int_equal(glob(pattern, 0, NULL, &found), 0);
        for (size_t i = 0; i < found.gl_pathc; i++) {
            seen++;
            ran += (size_t)check(context, found.gl_pathv[i]);
        }
        globfree(&found);
    }
    printf("%zu models, %zu ran packed as they do unpacked\n", seen, ran);
    assert_true(ran >= 100);
}

int tests_begin(char **arguments)
{
    folders = arguments;
    return *arguments ? 0 : 2;
}
