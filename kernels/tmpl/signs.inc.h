/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: four whole numbers of a row in every lane, on x86, by i_set; for RNNP_PRODUCT_s8_xor the signs, and the
 * absolute values from the row's second plane.
 */
typedef struct nq {
    ni q, absolute;
} nq;
AI ni i_broadcast(const int8_t *p)
{
    uint32_t four;
    memcpy(&four, p, sizeof four);
    return i_set(four);
}
AI nq q_set(const int W, const int8_t *q, size_t plane)
{
    const ni four = i_broadcast(q);
    return (nq){four, W == RNNP_PRODUCT_s8_xor ? i_broadcast(q + plane) : four};
}
