/* SPDX-License-Identifier: Apache-2.0
 *
 * libxsmm: the products alone, on weights packed once in blocks, one generated kernel per block of rows. Its matrices
 * lie by columns, so our rows are its columns.
 */
#include "peer.h"

#include <libxsmm.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace {

using Kernel = libxsmm_smmfunction_reducebatch_strd;
constexpr std::size_t block = 64; /* of columns, depth and rows */
constexpr std::size_t chain = 8;  /* blocks of depth before the next rows: 128 KiB of weights, within L2 */

libxsmm_blasint narrow(std::size_t n) { return static_cast<libxsmm_blasint>(n); }

/* One case: x and y as they are, weights packed as [columns / bn_][depth][bn_]. */
class Product {
  public:
    Product(const peer::Case &c, const float *w, const float *x, float *y)
        : c_(c), x_(x), y_(y), bn_(std::gcd(c.columns, block)), bk_(std::gcd(c.depth, block)),
          full_(std::min(c.rows, block)), packed_(std::make_shared<peer::Array>(c.columns * c.depth))
    {
        float *to = packed_->data();
        for (std::size_t n = 0; n < c.columns; n += bn_)
            for (std::size_t k = 0; k < c.depth; k++)
                for (std::size_t i = 0; i < bn_; i++) *to++ = w[(n + i) * c.depth + k];
        const std::size_t rest = c.rows % full_;
        for (const bool add : {false, true}) {
            kernels_[0][add] = generate(full_, add);
            kernels_[1][add] = rest ? generate(rest, add) : nullptr;
        }
    }

    void operator()() const
    {
        for (std::size_t n = 0; n < c_.columns; n += bn_)
            for (std::size_t k = 0; k < c_.depth; k += chain * bk_) {
                const unsigned long long blocks = std::min(chain, (c_.depth - k) / bk_);
                const float *const w = packed_->data() + n * c_.depth + k * bn_;
                for (std::size_t m = 0; m < c_.rows; m += full_)
                    kernels_[m + full_ > c_.rows][k > 0](w, x_ + m * c_.depth + k, y_ + m * c_.columns + n, &blocks);
            }
    }

  private:
    /* A block of y, set or added to, from a chain of blocks of weights. */
    Kernel generate(std::size_t rows, bool add) const
    {
        const libxsmm_blasint lda = narrow(bn_), ldb = narrow(c_.depth), ldc = narrow(c_.columns);
        const float alpha = 1, beta = add ? 1.0F : 0.0F;
        const Kernel kernel = libxsmm_smmdispatch_reducebatch_strd(
            lda, narrow(rows), narrow(bk_), narrow(bn_ * bk_ * sizeof(float)), narrow(bk_ * sizeof(float)), &lda, &ldb,
            &ldc, &alpha, &beta, nullptr, nullptr);
        if (!kernel) throw std::runtime_error("case " + c_.id + ": libxsmm generates no kernel for it");
        return kernel;
    }

    peer::Case c_;
    const float *x_;
    float *y_;
    std::size_t bn_, bk_, full_;
    std::shared_ptr<peer::Array> packed_;
    Kernel kernels_[2][2]; /* [the last rows, fewer?][adding?]; libxsmm owns them */
};

class Xsmm final : public peer::Peer {
  public:
    explicit Xsmm(const peer::Options &) {}

    std::string name() const override { return "libxsmm"; }
    std::string version() const override { return LIBXSMM_VERSION; }
    std::string settings() const override
    {
        return std::string("isa ") + libxsmm_get_target_arch() + ", weights packed beforehand in blocks";
    }

    std::function<void()> prepare(const peer::Case &c, const peer::Weights &weights, const float *x, float *y) override
    {
        if (c.kind != peer::Kind::product) throw peer::Lacks("libxsmm has no " + c.cell);
        return Product(c, weights.w, x, y);
    }
};

} // namespace

int main(int argc, char **argv) { return peer::serve<Xsmm>(argc, argv); }
