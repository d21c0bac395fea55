/* SPDX-License-Identifier: Apache-2.0
 *
 * Built with protobuf-c's structures, whose memory is held here: text and arrays by deques, which never move.
 */
#include "onnx_stack.h"

#include "bench.h"

#include <onnx/onnx.pb-c.h>

#include <cmath>
#include <deque>
#include <string>

namespace bench {
namespace {

class Stack {
  public:
    Stack(size_t layers, size_t hidden) : hidden_(static_cast<int64_t>(hidden))
    {
        char *value = text("x");
        axis_ = ints("axis", {1});
        for (size_t i = 0; i < layers; i++) value = add_layer(value, std::to_string(i));
        finish(value);
    }

    std::vector<uint8_t> bytes() const
    {
        std::vector<uint8_t> packed(onnx__model_proto__get_packed_size(&model_));
        onnx__model_proto__pack(&model_, packed.data());
        return packed;
    }

  private:
    char *text(const std::string &s)
    {
        texts_.push_back(s);
        return texts_.back().data();
    }

    char **list(std::vector<char *> names)
    {
        lists_.push_back(std::move(names));
        return lists_.back().data();
    }

    Onnx__TensorProto &tensor(const std::string &name, std::vector<int64_t> dims, int32_t type)
    {
        dims_.push_back(std::move(dims));
        Onnx__TensorProto t = ONNX__TENSOR_PROTO__INIT;
        t.name = text(name);
        t.dims = dims_.back().data();
        t.n_dims = dims_.back().size();
        t.has_data_type = 1;
        t.data_type = type;
        tensors_.push_back(t);
        initializers_.push_back(&tensors_.back());
        return tensors_.back();
    }

    char *floats(const std::string &name, const std::vector<int64_t> &dims)
    {
        size_t n = 1;
        for (const int64_t d : dims) n *= static_cast<size_t>(d);
        floats_.emplace_back(n, 1.0F / std::sqrt(static_cast<float>(hidden_)));
        Onnx__TensorProto &t = tensor(name, dims, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
        t.has_raw_data = 1;
        t.raw_data.data = reinterpret_cast<uint8_t *>(floats_.back().data());
        t.raw_data.len = n * sizeof(float);
        return t.name;
    }

    char *ints(const std::string &name, std::vector<int64_t> values)
    {
        Onnx__TensorProto &t =
            tensor(name, {static_cast<int64_t>(values.size())}, ONNX__TENSOR_PROTO__DATA_TYPE__INT64);
        dims_.push_back(std::move(values));
        t.int64_data = dims_.back().data();
        t.n_int64_data = dims_.back().size();
        return t.name;
    }

    void node(const char *op, std::vector<char *> inputs, char *output, Onnx__AttributeProto **attribute)
    {
        Onnx__NodeProto n = ONNX__NODE_PROTO__INIT;
        n.op_type = text(op);
        n.n_input = inputs.size();
        n.input = list(std::move(inputs));
        n.n_output = 1;
        n.output = list({output});
        n.n_attribute = attribute ? 1 : 0;
        n.attribute = attribute;
        nodes_.push_back(n);
        node_list_.push_back(&nodes_.back());
    }

    char *add_layer(char *x, const std::string &i)
    {
        char *const y = text("y" + i), *const squeezed = text("z" + i);
        size_.name = text("hidden_size");
        size_.has_type = 1;
        size_.type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
        size_.has_i = 1;
        size_.i = hidden_;
        node("LSTM",
             {x, floats("w" + i, {1, 4 * hidden_, hidden_}), floats("r" + i, {1, 4 * hidden_, hidden_}),
              floats("b" + i, {1, 8 * hidden_})},
             y, &size_at_);
        node("Squeeze", {y, axis_}, squeezed, nullptr);
        return squeezed;
    }

    /* An f32 [steps][1][hidden] of this name. */
    void port(Onnx__ValueInfoProto &v, char *name)
    {
        dim_[0].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        dim_[0].dim_param = text("steps");
        for (int i = 1; i < 3; i++) dim_[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        dim_[1].dim_value = 1;
        dim_[2].dim_value = hidden_;
        shape_.n_dim = 3;
        shape_.dim = dim_at_;
        tensor_type_.has_elem_type = 1;
        tensor_type_.elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
        tensor_type_.shape = &shape_;
        type_.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
        type_.tensor_type = &tensor_type_;
        v.name = name;
        v.type = &type_;
    }

    void finish(char *y)
    {
        port(x_, text("x"));
        port(y_, y);
        graph_.name = text("stack");
        graph_.n_node = node_list_.size();
        graph_.node = node_list_.data();
        graph_.n_initializer = initializers_.size();
        graph_.initializer = initializers_.data();
        graph_.n_input = graph_.n_output = 1;
        graph_.input = &x_at_;
        graph_.output = &y_at_;
        opset_.has_version = 1;
        opset_.version = 14;
        model_.has_ir_version = 1;
        model_.ir_version = 8;
        model_.n_opset_import = 1;
        model_.opset_import = &opset_at_;
        model_.graph = &graph_;
    }

    int64_t hidden_;
    char *axis_ = nullptr;
    std::deque<std::string> texts_;
    std::deque<std::vector<char *>> lists_;
    std::deque<std::vector<int64_t>> dims_;
    std::deque<Floats> floats_;
    std::deque<Onnx__TensorProto> tensors_;
    std::deque<Onnx__NodeProto> nodes_;
    std::vector<Onnx__TensorProto *> initializers_;
    std::vector<Onnx__NodeProto *> node_list_;
    Onnx__AttributeProto size_ = ONNX__ATTRIBUTE_PROTO__INIT, *size_at_ = &size_;
    Onnx__TensorShapeProto__Dimension dim_[3] = {ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT,
                                                 ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT,
                                                 ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT};
    Onnx__TensorShapeProto__Dimension *dim_at_[3] = {&dim_[0], &dim_[1], &dim_[2]};
    Onnx__TensorShapeProto shape_ = ONNX__TENSOR_SHAPE_PROTO__INIT;
    Onnx__TypeProto__Tensor tensor_type_ = ONNX__TYPE_PROTO__TENSOR__INIT;
    Onnx__TypeProto type_ = ONNX__TYPE_PROTO__INIT;
    Onnx__ValueInfoProto x_ = ONNX__VALUE_INFO_PROTO__INIT, y_ = ONNX__VALUE_INFO_PROTO__INIT;
    Onnx__ValueInfoProto *x_at_ = &x_, *y_at_ = &y_;
    Onnx__OperatorSetIdProto opset_ = ONNX__OPERATOR_SET_ID_PROTO__INIT, *opset_at_ = &opset_;
    Onnx__GraphProto graph_ = ONNX__GRAPH_PROTO__INIT;
    Onnx__ModelProto model_ = ONNX__MODEL_PROTO__INIT;
};

} // namespace

std::vector<uint8_t> onnx_lstm_stack(size_t layers, size_t hidden) { return Stack(layers, hidden).bytes(); }

} // namespace bench
