/* SPDX-License-Identifier: Apache-2.0
 *
 * Arrays of floats at an address that suits any vector.
 */
#ifndef RNNP_BENCH_FLOATS_H
#define RNNP_BENCH_FLOATS_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace bench {

class Floats {
  public:
    Floats() = default;
    /* From a fixed pseudo-random sequence in (-scale, scale). */
    explicit Floats(std::size_t n, float scale = 1.0F, std::uint32_t seed = 1) : Floats(unset(n))
    {
        std::uint32_t s = seed * 2654435761U + 1; /* Numerical Recipes' congruential generator */
        for (std::size_t i = 0; i < bytes(n) / sizeof(float); i++) {
            s = s * 1664525U + 1013904223U;
            p_.get()[i] = scale * (static_cast<float>(s >> 8) / 8388608.0F - 1.0F);
        }
    }
    static Floats unset(std::size_t n)
    {
        Floats made;
        if (n <= SIZE_MAX / sizeof(float) - line)
            made.p_.reset(static_cast<float *>(std::aligned_alloc(line, bytes(n))));
        if (!made.p_) throw std::bad_alloc();
        made.size_ = n;
        return made;
    }

    float *data() const { return p_.get(); }
    operator float *() const { return p_.get(); }
    std::size_t size() const { return size_; }

  private:
    static constexpr std::size_t line = 64;
    static std::size_t bytes(std::size_t n)
    {
        return (std::max<std::size_t>(n, 1) * sizeof(float) + line - 1) / line * line;
    }
    struct Free {
        void operator()(float *p) const { std::free(p); }
    };
    std::unique_ptr<float, Free> p_;
    std::size_t size_ = 0;
};

} // namespace bench

#endif
