"""The two front ends: ``demo`` (Gradio) and ``workbench`` (Streamlit)."""
