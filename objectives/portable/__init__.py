"""The model that comes out, and new rows scored with it.

- `export.py` writes it: `graph.py` is the preprocessing in Keras operations, `date_graph.py` and
  `date_states.py` read dates in it, `input_names.py` names its inputs, `onnx_file.py` is ONNX.
- `model_card.py` is the card beside it; `scoring.py` reads both, `date_texts.py` writes dates for
  it, `remarks.py` gathers what was odd.
"""
