"""Any open_clip model: in PyTorch where there is CUDA, exported to ONNX Runtime elsewhere."""
