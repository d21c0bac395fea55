/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenUtau's transducer tells how English words are pronounced, from their letters to the phonemes of ARPAbet.
 *
 *   g2p G2P.onnx WORD...
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "network.h"

enum { MOST_LETTERS = 64, MOST_PHONEMES = 48, SPECIAL = 4, BLANK = 2 };

/* Both alphabets follow four special symbols. BLANK begins the phonemes, and as a prediction it asks for the next
 * letter. */
static const char letters[] = "'-abcdefghijklmnopqrstuvwxyz";
static const char *const phonemes[] = {
    "aa", "ae", "ah", "ao", "aw", "ay", "b", "ch", "d", "dh", "eh", "er", "ey", "f",  "g", "hh", "ih", "iy", "jh", "k",
    "l",  "m",  "n",  "ng", "ow", "oy", "p", "r",  "s", "sh", "t",  "th", "uh", "uw", "v", "w",  "y",  "z",  "zh",
};
enum { PHONEMES = sizeof phonemes / sizeof *phonemes };

typedef struct word {
    int32_t letters[MOST_LETTERS], phonemes[MOST_PHONEMES]; /* phonemes[0] is BLANK */
    int n_letters, n_phonemes;
} word;

/* Whatever is not a letter of the alphabet is left out. Returns 0 if nothing remains or it is too long. */
static int spell(const char *text, word *w)
{
    *w = (word){.phonemes = {BLANK}, .n_phonemes = 1};
    for (; *text; text++) {
        const char *const letter = strchr(letters, tolower((unsigned char)*text));
        if (!letter) continue;
        if (w->n_letters == MOST_LETTERS) return 0;
        w->letters[w->n_letters++] = SPECIAL + (int32_t)(letter - letters);
    }
    return w->n_letters > 0;
}

/* The inputs of a step: all letters, the phonemes so far, and the letter that it looks at. */
static void inputs_of(word *w, int32_t *at, rnnp_tensor *in)
{
    in[0] = (rnnp_tensor){.dtype = RNNP_DTYPE_I32, .rank = 2, .shape = {1, w->n_letters}, .data = w->letters};
    in[1] = (rnnp_tensor){.dtype = RNNP_DTYPE_I32, .rank = 2, .shape = {1, w->n_phonemes}, .data = w->phonemes};
    in[2] = (rnnp_tensor){.dtype = RNNP_DTYPE_I32, .rank = 1, .shape = {1}, .data = at};
}

/* Greedy decoding: a step gives the next phoneme, or goes on to the next letter. The longer list of phonemes is another
 * shape, and so another run. */
static int pronounce(const network *net, word *w)
{
    rnnp_run *run = NULL;
    int ok = 1;
    for (int32_t at = 0; ok && at < w->n_letters && w->n_phonemes < MOST_PHONEMES;) {
        int32_t next = 0;
        rnnp_tensor in[3], out = {.data = &next};
        inputs_of(w, &at, in);
        ok = (run || network_ok(net, rnnp_run_create(net->plan, in, 3, &run))) &&
             network_ok(net, rnnp_run_execute(run, in, 3, &out, 1));
        if (!ok) break;
        if (next == BLANK) {
            at++;
            continue;
        }
        ok = next >= SPECIAL && next < SPECIAL + PHONEMES;
        if (!ok) fprintf(stderr, "the model predicts symbol %d, which is no phoneme\n", (int)next);
        w->phonemes[w->n_phonemes++] = next;
        rnnp_run_destroy(run);
        run = NULL;
    }
    rnnp_run_destroy(run);
    return ok;
}

static int say(const network *net, const char *text, double *took)
{
    word w;
    if (!spell(text, &w)) {
        fprintf(stderr, "\"%s\" does not have 1 to %d letters\n", text, MOST_LETTERS);
        return 0;
    }
    const double start = seconds();
    if (!pronounce(net, &w)) return 0;
    *took += seconds() - start;
    printf("%-16s", text);
    for (int i = 1; i < w.n_phonemes; i++) printf(" %s", phonemes[w.phonemes[i] - SPECIAL]);
    putchar('\n');
    return 1;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: g2p G2P.onnx WORD...\n");
        return 2;
    }
    network net;
    double took = 0;
    int ok = network_open(&net, argv[1], NULL);
    if (ok && (rnnp_model_input_count(net.model) != 3 || rnnp_model_output_count(net.model) != 1)) {
        fprintf(stderr, "%s does not have three inputs and one output\n", argv[1]);
        ok = 0;
    }
    for (int i = 2; ok && i < argc; i++) ok = say(&net, argv[i], &took);
    if (ok) printf("\nspeed: %.2f ms a word\n", 1e3 * took / (argc - 2));
    network_close(&net);
    return ok ? 0 : 1;
}
