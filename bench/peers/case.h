/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of serve(): reading a case, and what its y must be.
 */
#ifndef RNNP_BENCH_PEER_CASE_H
#define RNNP_BENCH_PEER_CASE_H

#include "peer.h"

#include <vector>

namespace peer {

/* Throws a sentence for a line that is no case. */
Case parse_case(const std::string &line);

/* A file of floats. */
Array load(const std::string &path, std::size_t count);

/* The weights of one model; those of the last one are kept, as cases come model by model. */
class Model {
  public:
    Weights get(const std::string &dir, const Case &c);

  private:
    std::string name_;
    Array data_;
};

/* <id>.inputs or <id>.outputs. */
std::vector<Tensor> load_tensors(const std::string &path);
void store_tensors(const std::string &path, const std::vector<Tensor> &tensors);

/* Gives each its place, at whole cache lines; the floats of all. */
std::size_t place(std::vector<Tensor> &tensors);

/* The beginning of x.f32, in [-1, 1); four times wider for functions, as pre-activations are, and of log its absolute
 * values. A model has its own. */
Array load_x(const std::string &dir, const Case &c);

/* Largest difference relative to 1 + |wanted|, and in ULP of wanted. */
struct Accuracy {
    double error = 0, ulp = 0;
};

/* Throws at the first element whose error is above the tolerance of the weights' format, NaN included. Of a model's
 * outputs, errors are relative to the largest element of each. */
template <class Wanted> Accuracy compare(const Case &c, const Array &y, const Wanted *wanted);
extern template Accuracy compare(const Case &, const Array &, const float *);
extern template Accuracy compare(const Case &, const Array &, const double *);
Accuracy compare_outputs(const Case &c, const Array &y, const Array &wanted);

/* function(x) in double precision. */
std::vector<double> exact(const Case &c, const Array &x);

/* A million floats of both signs (log: above 0) from 2^-16 to where the function is interesting, as many in each
 * binade. */
Array function_points(const Case &c);

} // namespace peer

#endif
