/* SPDX-License-Identifier: Apache-2.0
 *
 * Contexts: options, ISA caps, errors, the host report, and allocators that fail. Structs of other sizes are in
 * tests/structs.
 */
#define _DEFAULT_SOURCE /* madvise */
#include "src/context.h"
#include "tests/test.h"

#include <sys/mman.h>

static const char cap_variable[] = "RNNPACK_MAX_ISA";

typedef struct log_book {
    size_t messages;
    char last[256];
} log_book;

static void keep_message(void *user, rnnp_log_level level, const char *message)
{
    log_book *book = user;

    assert_int_equal(level, RNNP_LOG_WARNING);
    book->messages++;
    snprintf(book->last, sizeof book->last, "%s", message);
}

static rnnp_context_options options_with_log(log_book *book)
{
    rnnp_context_options options;

    memset(&options, 0xa5, sizeof options);
    rnnp_context_options_init(&options);
    memset(book, 0, sizeof *book);
    options.log = keep_message;
    options.log_user = book;
    return options;
}

static rnnp_context *create(const rnnp_context_options *options)
{
    rnnp_context *context;

    assert_int_equal(rnnp_context_create(options, &context), RNNP_OK);
    assert_non_null(context);
    return context;
}

/* The creation must fail with this status and a message that holds `words`. */
static void refuse(const rnnp_context_options *options, log_book *book, rnnp_status status, const char *words)
{
    rnnp_context *context = (rnnp_context *)book;

    book->messages = 0;
    assert_int_equal(rnnp_context_create(options, &context), status);
    assert_null(context);
    assert_int_equal(book->messages, 1);
    assert_non_null(strstr(book->last, words));
}

static rnnp_host_info host_of(const rnnp_context *context)
{
    rnnp_host_info info = {.struct_size = sizeof info};

    assert_int_equal(rnnp_context_host(context, &info), RNNP_OK);
    return info;
}

TEST(defaults)
{
    rnnp_context *context = create(NULL);
    const rnnp_host_info info = host_of(context);

    assert_string_equal(rnnp_last_error(context), "");
    assert_int_equal(info.threads, 1);
    assert_string_equal(info.isa_reason, "highest the CPU supports");
    assert_int_equal(rnnp_context_host(context, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_context_host(NULL, &(rnnp_host_info){.struct_size = sizeof info}), RNNP_ERR_ARG);
    assert_true(info.budget >= 1);
    assert_non_null(info.topology);
    rnnp_context_destroy(context);
    rnnp_context_destroy(NULL);
    assert_string_equal(rnnp_last_error(NULL), "");
}

TEST(bad_arguments)
{
    log_book book;
    rnnp_context_options options = options_with_log(&book);

    assert_int_equal(rnnp_context_create(NULL, NULL), RNNP_ERR_ARG);
    options.allocator.alloc = test_heap_alloc;
    refuse(&options, &book, RNNP_ERR_ARG, "alloc but no free");
    options.allocator = (rnnp_allocator){.free = test_heap_free};
    refuse(&options, &book, RNNP_ERR_ARG, "free but no alloc");
}

/* ---- ISA caps ---- */

TEST(caps_lower)
{
    log_book book;
    rnnp_context_options options = options_with_log(&book);
    OWNED(context) best = create(&options);

    options.max_isa = "generic";
    rnnp_context *capped = create(&options); /* both live in one process */
    assert_string_equal(host_of(capped).isa, "generic");
    const int lowered = strcmp(host_of(best).isa, "generic") != 0;
    assert_string_equal(host_of(capped).isa_reason, lowered ? "capped by max_isa" : "highest the CPU supports");
    rnnp_context_destroy(capped);

    options.max_isa = NULL;
    setenv(cap_variable, "generic", 1);
    capped = create(&options);
    assert_string_equal(host_of(capped).isa, "generic");
    assert_string_equal(host_of(capped).isa_reason, lowered ? "capped by RNNPACK_MAX_ISA" : "highest the CPU supports");
    rnnp_context_destroy(capped);

    /* The lower of the two counts. */
    options.max_isa = "avx512";
    capped = create(&options);
    assert_string_equal(host_of(capped).isa, "generic");
    rnnp_context_destroy(capped);
    unsetenv(cap_variable);
}

TEST(caps_never_raise)
{
    OWNED(context) best = create(NULL);
    const char *isa = host_of(best).isa;

    /* The highest name of all: whatever the CPU lacks stays out of reach. */
    for (size_t i = 0; i < RNNP_ISA_COUNT; i++) {
        if (rnnp_isa_rank_of((rnnp_isa)i) < rnnp_isa_rank(isa)) continue;
        setenv(cap_variable, rnnp_isa_names[i], 1);
        OWNED(context) context = create(NULL);
        assert_string_equal(host_of(context).isa, isa);
        assert_string_equal(host_of(context).isa_reason, "highest the CPU supports");
    }
    setenv(cap_variable, "", 1); /* as good as unset */
    rnnp_context_destroy(create(NULL));
    unsetenv(cap_variable);
}

TEST(unknown_isa_names_are_named)
{
    log_book book;
    rnnp_context_options options = options_with_log(&book);

    options.max_isa = "avx3";
    refuse(&options, &book, RNNP_ERR_ARG, "max_isa names the unknown ISA \"avx3\"");
    options.max_isa = NULL;
    setenv(cap_variable, "fastest", 1);
    refuse(&options, &book, RNNP_ERR_ARG, "RNNPACK_MAX_ISA names the unknown ISA \"fastest\"");
    unsetenv(cap_variable);
}

/* ---- Variants ---- */

TEST(variants_are_listed)
{
    OPTIONS(context, options);
    rnnp_variant_info info = {.struct_size = sizeof info};
    size_t count = 0, chosen = 0;

    options.max_isa = "generic";
    OWNED(context) context = create(&options);
    while (rnnp_context_variant_info(context, count, &info) == RNNP_OK) {
        assert_non_null(info.name);
        assert_int_equal(strncmp(info.name, info.op, strlen(info.op)), 0); /* names begin with their op's */
        assert_int_equal(info.usable, strcmp(info.isa, "generic") == 0);
        assert_true(!info.chosen || info.usable);
        chosen += info.chosen != 0;
        count++;
    }
    assert_int_equal(count, rnnp_context_variant_count(context));
    assert_int_equal(rnnp_context_variant_count(NULL), 0);
    assert_int_equal(chosen, RNNP_OP_COUNT); /* generic has every op */
    assert_int_equal(rnnp_context_variant_info(context, SIZE_MAX, &info), RNNP_ERR_ARG);
    assert_int_equal(rnnp_context_variant_info(NULL, 0, &info), RNNP_ERR_ARG);
    assert_int_equal(rnnp_context_variant_info(context, 0, NULL), RNNP_ERR_ARG);
}

/* ---- Host report ---- */

TEST(constants_have_names)
{
    for (int status = RNNP_ERR_STATE; status <= RNNP_OK; status++)
        assert_true(strcmp(rnnp_status_string((rnnp_status)status), "unknown status") != 0);
    assert_string_equal(rnnp_status_string((rnnp_status)-99), "unknown status");
    assert_string_equal(rnnp_feature_name(RNNP_FEATURE_AVX2), "avx2");
    assert_null(rnnp_feature_name(64));

    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", RNNP_VERSION_MAJOR, RNNP_VERSION_MINOR, RNNP_VERSION_PATCH);
    assert_string_equal(rnnp_version(), version);
}

/* ---- Errors ---- */

TEST(the_last_error_stays)
{
    OWNED(context) context = create(NULL), *other = create(NULL);

    assert_int_equal(rnnp_fail(context, RNNP_ERR_SHAPE, "hidden=%d but R has %d columns", 12, 16), RNNP_ERR_SHAPE);
    rnnp_fail(other, RNNP_ERR_ARG, "elsewhere");
    assert_string_equal(rnnp_last_error(context), "hidden=12 but R has 16 columns");

    /* A sentence may quote the one before. */
    rnnp_fail(context, RNNP_ERR_ARG, "layer 3: %s", rnnp_last_error(context));
    assert_string_equal(rnnp_last_error(context), "layer 3: hidden=12 but R has 16 columns");

    /* A name in a file cannot command the terminal that the sentence is printed to. */
    rnnp_fail(context, RNNP_ERR_ARG, "\"%s\" is no name", "\033[2J\x9b\n\xc2\x9b\x7f\xc3\xa4");
    assert_string_equal(rnnp_last_error(context), "\"?[2J\x9b????\xc3\xa4\" is no name");

    /* A sentence that is too long is cut, never overrun. */
    rnnp_fail(context, RNNP_ERR_ARG, "%*s", 4 * RNNP_ERROR_CHARS, "x");
    assert_int_equal(strlen(rnnp_last_error(context)), RNNP_ERROR_CHARS - 1);
    assert_string_equal(rnnp_last_error(other), "elsewhere");
}

/* ---- Memory and threads ---- */

TEST(every_allocation_may_fail)
{
    log_book book;
    rnnp_context_options options = options_with_log(&book);
    rnnp_context *context = NULL;

    options.threads = 3;
    for (size_t n = 1; !context; n++) {
        WATCHED heap = {.fail_at = n};

        options.allocator = test_allocator(&heap);
        const rnnp_status status = rnnp_context_create(&options, &context);
        if (status == RNNP_OK) {
            assert_int_equal(n, 3); /* the context and its team, nothing else */
            assert_int_equal(host_of(context).threads, 3);
            rnnp_context_destroy(context);
        } else {
            assert_int_equal(status, RNNP_ERR_MEMORY);
            assert_null(context);
            assert_int_equal(book.messages, n);
        }
    }
}

TEST(blocks)
{
    test_heap heap = {0};
    OPTIONS(context, options);

    options.allocator = test_allocator(&heap);
    rnnp_context *context = create(&options);
    const size_t own = heap.live_bytes;

    unsigned char *p = rnnp_calloc(context, 100);
    void *nothing = rnnp_alloc(context, 0);
    assert_int_equal((uintptr_t)p % 64, 0);
    assert_non_null(nothing);
    for (size_t i = 0; i < 100; i++) assert_int_equal(p[i], 0);

    heap.fail_at = heap.calls + 1;
    assert_null(rnnp_alloc(context, 12345));
    assert_non_null(strstr(rnnp_last_error(context), "12345"));

    rnnp_free(context, p, 100);
    rnnp_free(context, nothing, 0);
    rnnp_free(context, NULL, 7);
    assert_int_equal(heap.live_bytes, own);
    rnnp_context_destroy(context);

    context = create(NULL); /* the default allocator */
    assert_null(rnnp_alloc(context, SIZE_MAX));
    p = rnnp_calloc(context, 1);
    assert_int_equal((uintptr_t)p % 64, 0);
    rnnp_free(context, p, 1);
    rnnp_context_destroy(context);
}

/* Whether the system was asked for huge pages at an address: 1, 0, or -1 where it does not tell. */
static int asked_for_huge_pages(const void *at)
{
    FILE *file = fopen("/proc/self/smaps", "r");
    char line[512];
    int inside = 0, asked = -1;

    while (file && asked < 0 && fgets(line, sizeof line, file)) {
        unsigned long begin, end;

        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
            inside = (uintptr_t)at >= begin && (uintptr_t)at < end;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            asked = strstr(line, " hg") != NULL;
    }
    if (file) fclose(file);
    return asked;
}

enum { HUGE_PAGE = 2 * 1024 * 1024 };

/* Whether the system tells of a request that was certainly made. */
static int huge_pages_are_told(void)
{
    int told = 0;
#ifdef MADV_HUGEPAGE
    void *p = mmap(NULL, 2 * HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) return 0;
    told = madvise(p, 2 * HUGE_PAGE, MADV_HUGEPAGE) == 0 && asked_for_huge_pages(p) == 1;
    munmap(p, 2 * HUGE_PAGE);
#endif
    if (!told) printf("skipped: whether huge pages are asked for: /proc/self/smaps does not tell (qemu, old kernel)\n");
    return told;
}

/* Large blocks of the default allocator begin on a huge page, and are as large as was asked for. */
TEST(large_blocks)
{
    static const size_t bytes[] = {2 * HUGE_PAGE, 2 * HUGE_PAGE + 1,     3 * HUGE_PAGE - 1,
                                   3 * HUGE_PAGE, 5 * HUGE_PAGE + 12345, 33 * HUGE_PAGE};
    const int told = huge_pages_are_told();
    OWNED(context) context = create(NULL);

    for (size_t round = 0; round < 3; round++) { /* freed memory is used again */
        unsigned char *p[6];

        for (size_t i = 0; i < 6; i++) {
            p[i] = rnnp_alloc(context, bytes[i]);
            assert_non_null(p[i]);
            assert_int_equal((uintptr_t)p[i] % HUGE_PAGE, 0);
            memset(p[i], (int)(i + 1), bytes[i]);
            if (told) assert_int_equal(asked_for_huge_pages(p[i]), 1);
        }
        for (size_t i = 0; i < 6; i++) {
            assert_int_equal(p[i][0], i + 1);
            assert_int_equal(p[i][bytes[i] - 1], i + 1);
            rnnp_free(context, p[i], bytes[i]);
        }
    }
    unsigned char *small = rnnp_calloc(context, 2 * HUGE_PAGE - 1);
    assert_non_null(small);
    assert_int_equal((uintptr_t)small % 64, 0);
    rnnp_free(context, small, 2 * HUGE_PAGE - 1);
}

static void run_serially(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg)
{
    (void)user;
    for (size_t i = 0; i < n; i++) task(arg, i);
}

TEST(team_sizes)
{
    log_book book;
    rnnp_context_options options = options_with_log(&book);

    rnnp_context *context = create(&options); /* the default */
    assert_int_equal(host_of(context).threads, 1);
    rnnp_context_destroy(context);
    options.threads = RNNP_ALL_CPUS;
    context = create(&options);
    assert_int_equal(host_of(context).threads, host_of(context).budget);
    rnnp_context_destroy(context);

    options.parallel = (rnnp_parallel){NULL, 5, run_serially};
    context = create(&options);
    assert_int_equal(host_of(context).threads, 5);
    rnnp_context_destroy(context);

    options.parallel.threads = 0;
    refuse(&options, &book, RNNP_ERR_ARG, "parallel.threads is 0");
    options.parallel.threads = 4097;
    refuse(&options, &book, RNNP_ERR_ARG, "parallel.threads is 4097");

    options = options_with_log(&book);
    options.threads = 4097;
    refuse(&options, &book, RNNP_ERR_ARG, "threads=4097 is above 4096");
}

int tests_begin(char **arguments)
{
    (void)arguments;
    return unsetenv(cap_variable);
}
