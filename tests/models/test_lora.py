"""LoRA: equal to peft's layer in value and gradient, nothing at the start, merged without a trace."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from deepdojo.errors import RecipeError, UnknownNameError
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.shapes import ShapeError
from deepdojo.models import create_model
from deepdojo.models.flops import parameters, trained_parameters
from deepdojo.models.lora import adapters, add_lora, merge_lora


def peft_linear(ours: Linear, rank: int, alpha: float) -> nn.Module:
    """peft's layer around torch's, with our weights and those of our adapter."""
    from peft.tuners.lora import LoraConfig
    from peft.tuners.lora.layer import Linear as PeftLinear

    base = nn.Linear(ours.in_features, ours.out_features).to(ours.weight)
    base.load_state_dict({"weight": ours.weight, "bias": ours.bias})
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0)
    theirs = PeftLinear(base, "default", config=config, r=rank, lora_alpha=alpha).to(ours.weight)
    (adapter,) = adapters(ours)
    with torch.no_grad():
        theirs.lora_A["default"].weight.copy_(adapter.a)
        theirs.lora_B["default"].weight.copy_(adapter.b)
    return theirs


def filled(model: nn.Module) -> nn.Module:
    for adapter in adapters(model):
        nn.init.normal_(adapter.b)
    return model


class Holder(nn.Module):
    """A network of one matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Linear(13, 7)

    def forward(self, x):
        return self.inner(x)


@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-6), (torch.float64, 1e-10)])
@pytest.mark.parametrize(("rank", "alpha"), [(1, 1.0), (3, 16.0), (7, 5.0)])
def test_equal_to_peft_in_value_and_gradient(dtype, close, rank, alpha):
    torch.manual_seed(rank)
    model = Holder().to(dtype)
    assert add_lora(model, rank=rank, alpha=alpha, on=["inner"]) == 1
    filled(model)
    theirs = peft_linear(model.inner, rank, alpha)
    x = torch.randn(5, 11, 13, dtype=dtype, requires_grad=True)
    twin = x.detach().clone().requires_grad_(True)
    a, b = model(x), theirs(twin)
    cotangent = torch.randn_like(a)
    a.backward(cotangent)
    b.backward(cotangent)
    (adapter,) = adapters(model)
    pairs = ((a, b), (x.grad, twin.grad), (adapter.a.grad, theirs.lora_A["default"].weight.grad),
             (adapter.b.grad, theirs.lora_B["default"].weight.grad))  # fmt: skip
    for ours, other in pairs:
        assert (ours - other).abs().max() <= close * other.abs().max().clamp_min(1.0)
    assert model.inner.weight.grad is None
    merge_lora(model)
    theirs.merge()
    assert (model.inner.weight - theirs.get_base_layer().weight).abs().max() <= close


def test_a_query_has_rows_of_its_own_as_a_layer_of_its_own_would():
    from deepdojo.layers.attention_multi_head import MultiHeadAttention

    torch.manual_seed(0)
    model = nn.ModuleDict({"attention": MultiHeadAttention(12, 3)}).double()
    x = torch.randn(2, 5, 12, dtype=torch.float64)
    add_lora(model, rank=2, alpha=6.0, on=["query", "value"])
    filled(model)
    twin = copy.deepcopy(model)
    y = model["attention"](x)
    q, v = (a.product() for a in adapters(model))
    plain = MultiHeadAttention(12, 3).double()
    state = {k: t for k, t in model["attention"].state_dict().items() if "apply_linear" not in k}
    state["in_proj_weight"] = state["in_proj_weight"] + torch.cat([q, torch.zeros_like(q), v])
    plain.load_state_dict(state)
    torch.testing.assert_close(y, plain(x), rtol=0, atol=1e-12)
    merge_lora(twin)
    torch.testing.assert_close(twin["attention"](x), y, rtol=0, atol=1e-12)
    with pytest.raises(ShapeError, match="another text"):
        model["attention"](x, memory=x)


@pytest.mark.parametrize("name", ["bert", "transformer", "rnn", "decoder"])
def test_it_starts_where_the_network_is_and_merges_into_the_same_names(name):
    torch.manual_seed(0)
    task = {"decoder": {"context": 16}}.get(name, {"num_outputs": 3})
    model = create_model(name, vocab_size=23, **task).eval()
    x = torch.randint(0, 23, (2, 9))
    before, names, count = model(x), list(model.state_dict()), parameters(model)
    on = {"rnn": ["head"], "decoder": ["in_proj", "linear1"]}.get(name, ["query", "value", "linear*"])
    add_lora(model, rank=2, alpha=4.0, on=on)
    assert torch.equal(model(x), before)
    learned = [n for n, p in model.named_parameters() if p.requires_grad]
    assert learned
    assert all(n.endswith((".a", ".b")) for n in learned)
    assert trained_parameters(model) == sum(a.a.numel() + a.b.numel() for a in adapters(model))
    filled(model)
    changed = model(x)
    assert not torch.allclose(changed, before)
    merge_lora(model)
    assert list(model.state_dict()) == names
    assert parameters(model) == count
    torch.testing.assert_close(model(x), changed, rtol=1e-4, atol=1e-4)


def test_what_cannot_have_an_adapter():
    model = create_model("bert", vocab_size=23, num_outputs=2, width=8, num_heads=2)
    with pytest.raises(UnknownNameError, match="did you mean 'query'"):
        add_lora(model, rank=2, alpha=4.0, on=["qery"])
    with pytest.raises(RecipeError, match="a rank of 9 is above the 8"):
        add_lora(model, rank=9, alpha=4.0, on=["query"])
