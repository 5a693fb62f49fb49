"""A model that comes with its own code, shaped as Baichuan: one matrix makes query, key, value."""

from typing import Any

import torch
from torch.nn import Linear
from torch.nn.functional import scaled_dot_product_attention
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaAttention, apply_rotary_pos_emb


class PackedConfig(LlamaConfig):
    model_type = "packed"


class PackedAttention(LlamaAttention):
    def __init__(self, config: PackedConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        del self.q_proj, self.k_proj, self.v_proj
        self.W_pack = Linear(config.hidden_size, 3 * config.hidden_size, bias=False)

    def forward(
        self,
        hidden_states: torch.Tensor,
        position_embeddings: tuple[torch.Tensor, torch.Tensor],
        attention_mask: torch.Tensor | None = None,
        past_key_values: Any = None,
        **_: Any,
    ) -> tuple[torch.Tensor, None]:
        before = hidden_states.shape[:-1]
        packed = self.W_pack(hidden_states).chunk(3, dim=-1)
        query, key, value = (one.view(*before, -1, self.head_dim).transpose(1, 2) for one in packed)
        query, key = apply_rotary_pos_emb(query, key, *position_embeddings)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        causal = attention_mask is None and query.shape[2] > 1
        seen = scaled_dot_product_attention(query, key, value, attention_mask, is_causal=causal)
        return self.o_proj(seen.transpose(1, 2).reshape(*before, -1)), None


class PackedForCausalLM(LlamaForCausalLM):
    config_class = PackedConfig

    def __init__(self, config: PackedConfig) -> None:
        super().__init__(config)
        for place, layer in enumerate(self.model.layers):
            layer.self_attn = PackedAttention(config, place)
        self.post_init()
