"""CLIP's picture encoder (Radford et al., 2021, arXiv:2103.00020) with a linear head: what is left of Effort (Yan et
al., 2024, arXiv:2411.15633) once its low-rank parts are folded into the matrices they belong to."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

# ViT-L/14 at 224 px.
LARGE_14: dict[str, Any] = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": 224,
    "patch_size": 14,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
}


class ClipClassifier(nn.Module):
    """Pictures float[N, 3, 224, 224] to logits float[N, 2]; ``config`` replaces parts of :data:`LARGE_14`."""

    def __init__(self, **config: Any) -> None:
        super().__init__()
        from transformers import CLIPVisionConfig, CLIPVisionModel

        settings = CLIPVisionConfig(**(LARGE_14 | config))
        self.backbone = CLIPVisionModel(settings)
        self.head = nn.Linear(settings.hidden_size, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.backbone(pixel_values=x).pooler_output)
        return out
