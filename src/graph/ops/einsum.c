/* SPDX-License-Identifier: Apache-2.0
 *
 * Einsum, from the left two operands at a time. What only one of them has and nobody else needs is summed first.
 */
#include "contract.h"

static const rnnp_equation *equation_of(const rnnp_node *node) { return node->params; }

void rnnp_einsum_labels(const rnnp_node *node, size_t term, size_t rank, rnnp_labels *labels)
{
    const rnnp_equation *equation = equation_of(node);

    rnnp_term_labels(term < node->n_inputs ? &equation->terms[term] : &equation->result, rank, labels);
}

static rnnp_status einsum_parse(rnnp_parse *p, void *params)
{
    const char *text = rnnp_parse_string(p, "equation", NULL);

    if (!text) return PARSE_FAIL(p, RNNP_ERR_ARG, "there is no equation");
    return rnnp_equation_parse(p, text, params);
}

/* ---- Shapes ---- */

/* The size of a label so far and one more dimension of it: equal, or one of them is 1. */
static rnnp_status join(rnnp_infer *in, uint8_t label, size_t operand, int64_t *size, int64_t dim)
{
    const int64_t so_far = *size;

    if (dim == 1 || dim == so_far) return RNNP_OK;
    if (so_far == 1 || (rnnp_dim_is_symbol(so_far) && !rnnp_dim_is_symbol(dim)))
        *size = dim;
    else if (rnnp_dim_is_symbol(so_far))
        *size = rnnp_dim_unknown(in);
    else if (!rnnp_dim_is_symbol(dim))
        return FAIL(in, RNNP_ERR_SHAPE, "label %s is %lld, but %lld in operand %zu", rnnp_label_name(label).s,
                    (long long)so_far, (long long)dim, operand);
    return RNNP_OK;
}

/* One operand's labels and what it adds to the sizes. */
static rnnp_status join_operand(rnnp_infer *in, const rnnp_meta *x, size_t operand, rnnp_labels *labels, int64_t *size)
{
    int64_t own[RNNP_LABELS];
    uint64_t seen = 0;
    rnnp_status status;

    if (!rnnp_term_labels(&equation_of(in->node)->terms[operand], x->rank, labels))
        return FAIL(in, RNNP_ERR_SHAPE, "operand %zu has rank %zu, but its term %zu labels", operand, x->rank,
                    equation_of(in->node)->terms[operand].letters.n);
    for (size_t i = 0; i < x->rank; i++) {
        const uint8_t label = labels->at[i];

        if (seen >> label & 1) { /* a diagonal */
            status = rnnp_infer_same(in, "a repeated label", own[label], x->dim[i], &own[label]);
            if (status != RNNP_OK) return status;
        } else {
            own[label] = x->dim[i];
            seen |= UINT64_C(1) << label;
        }
    }
    for (uint8_t label = 0; label < RNNP_LABELS; label++) {
        if (seen >> label & 1 && (status = join(in, label, operand, &size[label], own[label])) != RNNP_OK)
            return status;
    }
    return RNNP_OK;
}

/* Axes behind the longest ellipsis, from the labels of all operands. */
static size_t behind_ellipsis(uint64_t mask)
{
    size_t n = 0;

    while (mask >> (RNNP_LETTERS + n) & 1) n++;
    return n;
}

static int result_labels(const rnnp_equation *equation, uint64_t all, rnnp_labels *result)
{
    const size_t rank = equation->result.letters.n + behind_ellipsis(all);

    return rank <= RNNP_MAX_RANK && rnnp_term_labels(&equation->result, rank, result);
}

/* Labels and how many operands still to come have them; the result has them, too. */
typedef struct pending {
    uint64_t result;
    size_t left[RNNP_LABELS];
} pending;

static void pending_count(pending *p, const rnnp_labels *labels, int by)
{
    const uint64_t mask = rnnp_labels_mask(labels);

    for (size_t label = 0; label < RNNP_LABELS; label++) {
        if (mask >> label & 1) p->left[label] += (size_t)by;
    }
}

static uint64_t pending_mask(const pending *p)
{
    uint64_t mask = p->result;

    for (size_t label = 0; label < RNNP_LABELS; label++) mask |= (uint64_t)(p->left[label] > 0) << label;
    return mask;
}

/* Products of the first operands are tensors, too. */
static rnnp_status check_ranks(rnnp_infer *in, const rnnp_meta *inputs, pending *p)
{
    uint64_t before = 0;
    rnnp_labels labels;

    for (size_t i = 0; i + 1 < in->node->n_inputs; i++) {
        rnnp_term_labels(&equation_of(in->node)->terms[i], inputs[i].rank, &labels);
        pending_count(p, &labels, -1);
        before |= rnnp_labels_mask(&labels);
        if (i > 0 && __builtin_popcountll(before & pending_mask(p)) > RNNP_MAX_RANK)
            return FAIL(in, RNNP_ERR_UNSUPPORTED, "the product of the first %zu operands has a rank above %d", i + 1,
                        RNNP_MAX_RANK);
    }
    return RNNP_OK;
}

static RNNP_INFER(einsum_infer)
{
    const rnnp_node *node = in->node;
    int64_t size[RNNP_LABELS];
    rnnp_labels labels, result;
    pending p = {0};
    uint64_t all = 0;
    rnnp_status status;

    for (size_t i = 0; i < RNNP_LABELS; i++) size[i] = 1;
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (rnnp_absent(node, i)) return FAIL(in, RNNP_ERR_ARG, "input %zu is absent", i);
        if ((status = rnnp_infer_type(in, inputs, i, RNNP_BIT(RNNP_DTYPE_F32))) != RNNP_OK ||
            (status = join_operand(in, &inputs[i], i, &labels, size)) != RNNP_OK)
            return status;
        all |= rnnp_labels_mask(&labels);
        pending_count(&p, &labels, 1);
    }
    if (!result_labels(equation_of(node), all, &result))
        return FAIL(in, RNNP_ERR_UNSUPPORTED, "the result has a rank above %d", RNNP_MAX_RANK);
    outputs[0] = (rnnp_meta){.dtype = RNNP_DTYPE_F32, .rank = result.n};
    for (size_t i = 0; i < result.n; i++) outputs[0].dim[i] = size[result.at[i]];
    p.result = rnnp_labels_mask(&result);
    return check_ranks(in, inputs, &p);
}

/* ---- The node ---- */

typedef struct operands {
    const rnnp_tensor *tensors; /* or NULL: */
    const rnnp_meta *metas;
} operands;

static rnnp_view operand(const operands *from, const rnnp_node *node, size_t i, rnnp_labels *labels)
{
    const rnnp_tensor x = from->tensors ? from->tensors[i] : rnnp_known_tensor(&from->metas[i]);

    rnnp_term_labels(&equation_of(node)->terms[i], x.rank, labels);
    return rnnp_view_of(&x, labels);
}

/* The labels of a and then of b that are needed later. */
static rnnp_labels between(const rnnp_view *a, const rnnp_view *b, uint64_t needed)
{
    rnnp_labels labels = {0};

    for (size_t i = 0; i < a->labels.n; i++) {
        if (needed >> a->labels.at[i] & 1) labels.at[labels.n++] = a->labels.at[i];
    }
    needed &= ~rnnp_labels_mask(&labels);
    for (size_t i = 0; i < b->labels.n; i++) {
        if (needed >> b->labels.at[i] & 1) labels.at[labels.n++] = b->labels.at[i];
    }
    return labels;
}

static void evaluate(rnnp_contraction *j, const rnnp_node *node, const operands *from, float *to)
{
    pending p = {0};
    rnnp_labels labels, result;
    rnnp_view so_far;

    for (size_t i = node->n_inputs; i-- > 0;) {
        so_far = operand(from, node, i, &labels);
        pending_count(&p, &labels, 1);
    }
    result_labels(equation_of(node), pending_mask(&p), &result);
    p.result = rnnp_labels_mask(&result);
    pending_count(&p, &labels, -1);
    if (node->n_inputs == 1) rnnp_arrange(j, &so_far, &result, to);
    for (size_t i = 1; i < node->n_inputs; i++) {
        const rnnp_view next = operand(from, node, i, &labels);
        const int is_last = i + 1 == node->n_inputs;

        pending_count(&p, &labels, -1);
        const rnnp_labels kept = is_last ? result : between(&so_far, &next, pending_mask(&p));
        so_far = rnnp_contract(j, &so_far, &next, &kept, is_last ? to : NULL);
    }
}

static RNNP_RUN(einsum_run)
{
    rnnp_contraction j = {.select = e->select, .e = e, .is_packed = e->packed != NULL};

    if (rnnp_tensor_elements(&outputs[0])) evaluate(&j, node, &(operands){.tensors = inputs}, outputs[0].data);
    return RNNP_OK;
}

static rnnp_contraction measured(const rnnp_prepare *p)
{
    rnnp_contraction j = {.select = p->select, .is_packed = rnnp_node_packs(p->node, p->inputs)};
    float result; /* stands for the memory of the result, which is not the workspace's */

    evaluate(&j, p->node, &(operands){.metas = p->inputs}, &result);
    return j;
}

static RNNP_SCRATCH(einsum_workspace) { return rnnp_meta_elements(&outputs[0]) ? measured(p).used : 0; }

static size_t einsum_multiply_adds(const rnnp_prepare *p, const rnnp_meta *outputs)
{
    return rnnp_meta_elements(outputs) ? measured(p).work : 0;
}

/* ---- A constant second operand ---- */

/* Whether it can be packed as it lies: matrices for the batch, each with one axis of columns and one of depth. What its
 * labels are must not depend on ranks or on sizes that only a run knows. */
static int right_side(const rnnp_node *node, const rnnp_meta *inputs, rnnp_dense *dense)
{
    const rnnp_equation *equation = equation_of(node);
    rnnp_labels left, labels, cols = {0}, depth = {0};
    ptrdiff_t n_step, k_step;

    if (node->n_inputs != 2 || equation->terms[1].has_ellipsis) return 0;
    const rnnp_tensor b = rnnp_known_tensor(&inputs[1]);
    if (rnnp_tensor_elements(&b) == 0 || rnnp_tensor_elements(&b) == SIZE_MAX ||
        !rnnp_term_labels(&equation->terms[0], inputs[0].rank, &left) ||
        !rnnp_term_labels(&equation->terms[1], b.rank, &labels))
        return 0;
    const rnnp_view v = rnnp_view_of(&b, &labels);
    const uint64_t in_a = rnnp_labels_mask(&left), kept = rnnp_labels_mask(&equation->result.letters);
    const uint64_t in_b = rnnp_labels_mask(&labels);
    size_t n_batch = 0;
    if (v.labels.n != b.rank || in_b & ~(in_a | kept)) return 0;
    *dense = (rnnp_dense){.matrices = 1};
    for (size_t i = 0; i < b.rank; i++) {
        const uint64_t bit = UINT64_C(1) << labels.at[i];

        if (in_a & bit && v.dim[i] == 1) return 0;
        if (!(in_a & kept & bit)) continue;
        if (n_batch++ != i) return 0;
        dense->matrices *= v.dim[i];
    }
    for (size_t i = 0; i < equation->result.letters.n; i++) {
        const uint8_t label = equation->result.letters.at[i];

        if (in_b & ~in_a & UINT64_C(1) << label) cols.at[cols.n++] = label;
    }
    for (size_t i = 0; i < left.n; i++) {
        const uint64_t bit = UINT64_C(1) << left.at[i];

        if (in_b & ~kept & bit && !(rnnp_labels_mask(&depth) & bit)) depth.at[depth.n++] = left.at[i];
        if (!(in_b & bit)) dense->row[dense->n_rows++] = inputs[0].dim[i];
    }
    if (!rnnp_view_is_axis(&v, &cols, &n_step) || !rnnp_view_is_axis(&v, &depth, &k_step)) return 0;
    dense->n = (int64_t)rnnp_view_elements(&v, &cols);
    dense->k = (int64_t)rnnp_view_elements(&v, &depth);
    dense->n_step = n_step;
    dense->k_step = k_step;
    return 1;
}

static int einsum_packs(const rnnp_node *node, const rnnp_meta *inputs)
{
    rnnp_dense ignored;

    return right_side(node, inputs, &ignored);
}

static void einsum_dense(const rnnp_node *node, const rnnp_meta *inputs, rnnp_dense *dense)
{
    right_side(node, inputs, dense);
}

static const rnnp_dense_family family = {einsum_dense, 0};

static void einsum_plan(const rnnp_prepare *p, rnnp_planned *planned)
{
    if (rnnp_node_packs(p->node, p->inputs))
        rnnp_dense_plan(p, planned);
    else
        planned->variant = p->select->op[RNNP_OP_gemm]->name;
}

static int einsum_shape(const rnnp_prepare *p, rnnp_shape *shape)
{
    return rnnp_node_packs(p->node, p->inputs) && rnnp_dense_shape(p, shape);
}

/* Time is where its label is in the result; it may be in no operand otherwise, and is not summed. */
static RNNP_TIME(einsum_time)
{
    uint64_t all = 0, timed = 0;
    rnnp_labels labels, result;

    out_axis[0] = RNNP_TIME_NONE;
    for (size_t i = 0; i < node->n_inputs; i++) {
        rnnp_term_labels(&equation_of(node)->terms[i], inputs[i].rank, &labels);
        all |= rnnp_labels_mask(&labels);
        if (in_axis[i] != RNNP_TIME_NONE) timed |= UINT64_C(1) << labels.at[in_axis[i]];
    }
    result_labels(equation_of(node), all, &result);
    if (!timed || timed & (timed - 1)) return RNNP_TIME_MIXED;
    for (size_t i = 0; i < result.n; i++) {
        if (timed >> result.at[i] & 1) out_axis[0] = (int)i;
    }
    for (size_t i = 0; i < node->n_inputs; i++) {
        rnnp_term_labels(&equation_of(node)->terms[i], inputs[i].rank, &labels);
        for (size_t k = 0; k < labels.n; k++) {
            if (timed >> labels.at[k] & 1 && in_axis[i] != (int)k && inputs[i].dim[k] != 1) return RNNP_TIME_ELSEWHERE;
        }
    }
    return out_axis[0] == RNNP_TIME_NONE ? RNNP_TIME_MIXED : 0;
}

RNNP_DEFINE(Einsum, 1, 255, .since_opset = 12, .param_bytes = sizeof(rnnp_equation), .parse = einsum_parse,
            .infer = einsum_infer, .run = einsum_run, .time = einsum_time, .workspace_bytes = einsum_workspace,
            .plan = einsum_plan, .plan_bytes = sizeof(rnnp_product), .packed_inputs = 1u << 1, .packs = einsum_packs,
            .pack = rnnp_dense_pack, .multiply_adds = einsum_multiply_adds, .shape = einsum_shape, .family = &family);
