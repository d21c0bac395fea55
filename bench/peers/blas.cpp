/* SPDX-License-Identifier: Apache-2.0
 *
 * A BLAS given as a shared library: the products alone.
 */
#include "peer.h"

#include <dlfcn.h>

#include <stdexcept>

namespace {

constexpr int row_major = 101, as_it_is = 111, transposed = 112;
using Sgemm = void (*)(int layout, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda,
                       const float *b, int ldb, float beta, float *c, int ldc);
using Words = const char *(*)();

class Blas final : public peer::Peer {
  public:
    explicit Blas(const peer::Options &options) : library_(dlopen(options.library.c_str(), RTLD_NOW | RTLD_LOCAL))
    {
        if (!library_) throw std::runtime_error(dlerror());
        sgemm_ = find<Sgemm>("cblas_sgemm");
        if (!sgemm_) throw std::runtime_error(options.library + ": no cblas_sgemm in it");
        if (const auto begin = find<void (*)()>("bli_init"))
            begin(); /* BLIS ends the process when it is asked for its kernels before */
    }

    std::string name() const override
    {
        if (find<Words>("openblas_get_config")) return "openblas";
        return find<Words>("bli_info_get_version_str") ? "blis" : "blas";
    }
    std::string version() const override { return words({"openblas_get_config", "bli_info_get_version_str"}); }
    std::string settings() const override
    {
        std::string core = words({"openblas_get_corename"});
        const auto id = find<int (*)()>("bli_arch_query_id");
        if (const auto text = find<const char *(*)(int)>("bli_arch_string"); id && text) core = text(id());
        return "kernels " + core + ", weights as they are: its interface has no packed form";
    }

    std::function<void()> prepare(const peer::Case &c, const peer::Weights &weights, const float *x, float *y) override
    {
        if (c.kind != peer::Kind::product) throw peer::Lacks("a BLAS has no " + c.cell);
        const int m = static_cast<int>(c.rows), n = static_cast<int>(c.columns), k = static_cast<int>(c.depth);
        return [sgemm = sgemm_, w = weights.w, m, n, k, x, y] {
            sgemm(row_major, as_it_is, transposed, m, n, k, 1, x, k, w, k, 0, y, n);
        };
    }

  private:
    template <class F> F find(const char *symbol) const { return reinterpret_cast<F>(dlsym(library_, symbol)); }

    std::string words(std::initializer_list<const char *> symbols) const
    {
        for (const char *symbol : symbols)
            if (const auto get = find<Words>(symbol)) return get();
        return "unknown";
    }

    void *library_; /* stays loaded: its workers may */
    Sgemm sgemm_;
};

} // namespace

int main(int argc, char **argv) { return peer::serve<Blas>(argc, argv); }
