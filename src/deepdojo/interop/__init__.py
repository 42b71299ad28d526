"""Our nouns <-> others' formats: a trained model as an ONNX graph, and a task that predicts with it.

No task, model or protocol is known here by name: what a graph takes is what the task gives to the model (`calls.py`).
"""
