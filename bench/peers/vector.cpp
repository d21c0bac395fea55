/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions on vectors from a shared library, SLEEF or glibc's libmvec: a loop over each. Neither has a sigmoid; theirs
 * is 1 / (1 + exp(-x)). Our class u10 is held against SLEEF's deterministic u10 functions. The widest set of
 * instructions of this CPU is taken that PEERS_MAX_ISA allows.
 */
#include "peer.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>

#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace {

using Wide8 = float __attribute__((vector_size(32)));
using Wide16 = float __attribute__((vector_size(64)));

enum Formula { plain, sigmoid_of_exp };
using Loop = void (*)(void *symbol, Formula formula, const float *x, float *y, std::size_t n);

/* A loop must be compiled for the set of its vectors, or they would not be passed in registers. */
#define LOOP(name, isa, Vector)                                                                                    \
    __attribute__((target(isa))) void name(void *symbol, Formula formula, const float *x, float *y, std::size_t n) \
    {                                                                                                              \
        const auto f = reinterpret_cast<Vector (*)(Vector)>(symbol);                                               \
        for (std::size_t i = 0; i < n; i += sizeof(Vector) / sizeof(float)) {                                      \
            Vector v;                                                                                              \
            std::memcpy(&v, x + i, sizeof v);                                                                      \
            v = formula == plain ? f(v) : 1.0F / (1.0F + f(-v));                                                   \
            std::memcpy(y + i, &v, sizeof v);                                                                      \
        }                                                                                                          \
    }
LOOP(loop_avx2, "avx2,fma", Wide8)
LOOP(loop_avx512, "avx512f", Wide16)
#undef LOOP

/* Best first. */
struct Set {
    const char *library, *isa, *before, *after, *names; /* before and after what names a function */
    std::size_t lanes;
    Loop loop;
};
const char *const accuracy = "u35 (exp u10), for class u10 finz u10";
const Set sets[] = {
    {"sleef", "avx512", "Sleef_", "avx512f", accuracy, 16, loop_avx512},
    {"sleef", "avx2", "Sleef_", "avx2", accuracy, 8, loop_avx2},
    {"libmvec", "avx512", "_ZGVeN16v_", "", "below 4 ULP", 16, loop_avx512},
    {"libmvec", "avx2", "_ZGVdN8v_", "", "below 4 ULP", 8, loop_avx2},
};

void *symbol_of(void *library, const Set &set, const std::string &function, const std::string &math)
{
    const bool u10 = math == "u10", sleef = std::strcmp(set.library, "sleef") == 0;
    std::string name = set.before;
    if (u10 && !sleef) return nullptr;
    if (u10) name += "finz_";
    name += function + "f";
    if (sleef) name += std::to_string(set.lanes) + (u10 || function == "exp" ? "_u10" : "_u35");
    return dlsym(library, (name + set.after).c_str());
}

bool usable(const std::string &isa)
{
    const char *const most = std::getenv("PEERS_MAX_ISA");
    if (isa == "avx512") return __builtin_cpu_supports("avx512f") && !(most && std::strcmp(most, "avx2") == 0);
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

class VectorMath final : public peer::Peer {
  public:
    explicit VectorMath(const peer::Options &options) : library_(dlopen(options.library.c_str(), RTLD_NOW | RTLD_LOCAL))
    {
        if (!library_) throw std::runtime_error(dlerror());
        for (const Set &set : sets)
            if (!set_ && symbol_of(library_, set, "exp", "u35") && symbol_of(library_, set, "tanh", "u35") &&
                usable(set.isa))
                set_ = &set;
        if (!set_)
            throw std::runtime_error(options.library + ": neither SLEEF nor libmvec with expf and tanhf for this CPU");
    }

    std::string name() const override { return set_->library; }
    std::string version() const override
    {
        if (name() == "libmvec") return std::string("glibc ") + gnu_get_libc_version();
        Dl_info info;
        return dladdr(symbol_of(library_, *set_, "exp", "u35"), &info)
                   ? std::filesystem::canonical(info.dli_fname).filename()
                   : "";
    }
    std::string settings() const override
    {
        return std::string("isa ") + set_->isa + ", " + set_->names + ", sigmoid by exp";
    }

    std::function<void()> prepare(const peer::Case &c, const peer::Weights &, const float *x, float *y) override
    {
        const std::size_t n = c.depth;
        if (c.kind != peer::Kind::function || n % set_->lanes != 0)
            throw peer::Lacks(name() + " has functions alone, over multiples of " + std::to_string(set_->lanes) +
                              " elements");
        const Formula formula = c.function == "sigmoid" ? sigmoid_of_exp : plain;
        void *const symbol = symbol_of(library_, *set_, formula == plain ? c.function : "exp", c.math);
        if (!symbol) throw peer::Lacks(name() + " has no " + c.function + " of class " + c.math);
        return [loop = set_->loop, symbol, formula, x, y, n] { loop(symbol, formula, x, y, n); };
    }

  private:
    void *library_;
    const Set *set_ = nullptr;
};

} // namespace

int main(int argc, char **argv) { return peer::serve<VectorMath>(argc, argv); }
