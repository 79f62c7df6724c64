"""The page that says what the program is, how to read it, and what it cannot do."""

from __future__ import annotations

import gradio as gr

from pages.demo import cards

_READING = """
<section class="um-card um-prose"><h2>How to read a result</h2>
<p><b>Probability of a fake</b> runs from 0% to 100%; 100% means fake, everywhere. It is called <i>calibrated</i> only
where it was fitted on held-out data, so that of those given 70% about seven in ten were fake. On kinds of fakes that
the data did not hold it can be far off: the measured figures on the page Detectors tell. Otherwise it is a raw score:
good for comparing, not a chance.</p>
<p><b>Two lines</b> turn the number into a word. Above the upper one it looks fake, below the lower one real, between
them the honest answer is <i>uncertain</i>. You can move the lines; nothing is computed anew.</p>
<p><b>The range</b> says how far the answer could move with other frames or models. <b>Agreement</b> says how many
models stand on the same side.</p>
<p><b>Several people</b> are judged one by one. The most suspicious with enough frames drives the verdict, and the page
names that person.</p>
<p><b>Could not be judged</b> means that there is no number: mostly no face and no voice was found that these models
could look at, or too little of one. The reasons tell which. It says nothing about whether the file is
genuine.</p></section>
<section class="um-card um-prose"><h2>What it cannot do</h2>
<p>A detector knows the kinds of forgery it was trained on and will miss others. Strong compression, small or turned
faces, filters and make-up can mislead it both ways. "Looks real" is not a proof, and "looks fake" is not one either:
use it as one clue among others, never as the only ground for a decision about a person.</p></section>
<section class="um-card um-prose"><h2>Privacy</h2>
<p>Files are analysed on the server that shows this page and go nowhere else. Uploads are deleted after some hours,
those sent to the REST API as soon as they are analysed, pictures of the camera at once. The result stays in the
server's history, where only the tab that made it finds it; the file is kept only if you allow it together with your
feedback. No cookie is set.</p></section>
<section class="um-card um-prose"><h2>For programs</h2>
<p>The same analysis is there as a <a href="/api/docs">REST API</a>, for the Gradio client (see the link at the foot of
the page) and as tools for agents over MCP at <code>/gradio_api/mcp/</code>: <code>analyse</code>, <code>relabel</code>
and <code>feedback</code>.</p></section>
"""


def about_page() -> gr.Blocks:
    """How to read results, limits, privacy, and where the models are told of."""
    with gr.Blocks(title="About Unmask", analytics_enabled=False) as page:
        gr.HTML(
            f'{cards.header("What it does, how to read it, and what it cannot do.")}<div class="um-about">{_READING}'
            '<section class="um-card um-prose"><h2>The models</h2><p>Which there are, which of them can run here, what '
            "they were trained on and how well they do, is on the page Detectors.</p></section></div>",
            apply_default_css=False,
        )
    return page
