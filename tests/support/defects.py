"""Defects of model output, by kind: answers as models give them, and what of them must not reach a row.

Written by hand after what instruction-tuned, reasoning and vision-language models write. `{c}` stands for the caption.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST = "A man in a red jacket walks along a wet street."
SECOND = "He stops at a wooden door and knocks twice."
CAPTION = f"{FIRST} {SECOND}"
DURATION_S = 60.0
PROMPT = (
    "Describe in English what happens in this stretch: who or what acts, how things move and change, and what the camera "
    "does. Say only what can be seen. No introduction. This stretch lasts from 0.0 s to 10.0 s of the video."
)


@dataclass(frozen=True)
class Defect:
    """One answer with a defect.

    Attributes:
        kind: of the defect.
        answer: what the model wrote.
        gone: none of these may be in an accepted answer.
        kept: whether the caption must be accepted; False: sending the answer back is right, too.
    """

    kind: str
    answer: str
    gone: tuple[str, ...]
    kept: bool = True


_AROUND: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "thinking": [
        ("<think>The user wants a caption. I see a man.</think>\n\n{c}", ("think", "user")),
        ("<think>\n\n</think>\n\n{c}", ("think",)),
        ("Okay, the user wants a caption of these frames. Let me look.\n</think>\n\n{c}", ("think", "user", "Let me")),
        ("<thinking>First I count the frames: 1, 2, 3.</thinking>{c}", ("thinking", "count")),
        ("<thought>There is a man, perhaps a postman.</thought>\n{c}", ("thought", "perhaps")),
        ("[THINK]He might be a postman.[/THINK]{c}", ("THINK", "might")),
        ("◁think▷Let me see what moves here.◁/think▷{c}", ("think", "Let me")),
        ("<reasoning>The jacket is red.\nThe street is wet.</reasoning>\n<answer>{c}</answer>", ("reasoning", "answer", "<")),
        ("<think>a <think>b</think> c</think> {c}", ("think", "b")),
        ("{c}\n<think>Was that all? I should check the door again.", ("think", "check")),
        ("<seed:think>Hm, a door.</seed:think>{c}", ("seed", "Hm")),
        ("<|channel|>analysis<|message|>We need one caption.<|end|><|start|>assistant<|channel|>final<|message|>{c}", ("analysis", "We need", "<|")),
        ("Thought process: the man is walking, so I mention it.\n\nCaption: {c}", ("Thought", "mention", "Caption:")),
        ("<analysis>Two actions.</analysis>\n\n{c}", ("analysis",)),
        ("<|begin_of_thought|>Look at the door.<|end_of_thought|> <|begin_of_solution|>{c}<|end_of_solution|>", ("thought", "Look", "solution")),
        ("&lt;think&gt;A door.&lt;/think&gt;{c}", ("think", "&lt;")),
    ],
    "markdown": [
        ("**{c}**", ("**",)),
        ("# Video description\n\n{c}", ("#", "Video description")),
        ("### Caption\n{c}", ("#", "### Caption")),
        ("A man in a **red jacket** walks along a *wet* street. He stops at a wooden door and knocks twice.", ("*",)),
        ("- A man in a red jacket walks along a wet street.\n- He stops at a wooden door and knocks twice.", ("- ",)),
        ("1. A man in a red jacket walks along a wet street.\n2. He stops at a wooden door and knocks twice.", ("1.", "2.")),
        ("* A man in a red jacket walks along a wet street\n* He stops at a wooden door and knocks twice", ("*",)),
        ("> {c}", (">",)),
        ("---\n{c}\n---", ("---",)),
        ("__{c}__", ("__",)),
        ("**Scene**\n{c}", ("**", "Scene")),
        ("• A man in a red jacket walks along a wet street.\n• He stops at a wooden door and knocks twice.", ("•",)),
        ("| Action | Detail |\n|---|---|\n| A man in a red jacket walks | along a wet street. |", ("|", "---")),
        ("{c} [more](https://example.com/x)", ("](", "https")),
        ("***{c}***", ("*",)),
    ],
    "fence": [
        ("```\n{c}\n```", ("```",)),
        ("```text\n{c}\n```", ("```", "text\n")),
        ("```markdown\n{c}\n```\nLet me know if you need more.", ("```", "Let me know")),
        ("Here is the caption:\n```\n{c}\n```", ("```", "Here is")),
        ("`{c}`", ("`",)),
        ("~~~\n{c}\n~~~", ("~~~",)),
        ("```json\n{{\"caption\": \"{c}\"}}\n```", ("```", "{", '"caption"')),
        ("```plaintext\n{c}", ("```", "plaintext")),
    ],
    "label": [
        ("Caption: {c}", ("Caption:",)),
        ("**Caption:** {c}", ("Caption:", "**")),
        ("Description: {c}", ("Description:",)),
        ("Video description: {c}", ("description:",)),
        ("Window 3: {c}", ("Window 3",)),
        ("Section 2: {c}", ("Section 2",)),
        ("Answer: {c}", ("Answer:",)),
        ("Final answer: {c}", ("answer:",)),
        ("Summary:\n{c}", ("Summary:",)),
        ("Title: A Walk in the Rain\n\n{c}", ("Title", "A Walk in the Rain")),
        ("Output: {c}", ("Output:",)),
        ("Caption (0.0 s to 10.0 s): {c}", ("Caption", "10.0 s")),
        ("Frame 1 description: {c}", ("Frame 1",)),
        ("Scene 1 – {c}", ("Scene 1",)),
        ("Opening paragraph: {c}", ("paragraph:",)),
        ("🎬 Caption: {c}", ("Caption:",)),
    ],
    "preamble": [
        ("Sure! {c}", ("Sure",)),
        ("Sure, here is a caption for the video: {c}", ("Sure", "here is")),
        ("Certainly! Here's a description of the stretch from 0.0 s to 10.0 s:\n\n{c}", ("Certainly", "Here's")),
        ("Of course. {c}", ("Of course",)),
        ("Here is the description:\n{c}", ("Here is",)),
        ("Here's the rewritten paragraph: {c}", ("Here's", "rewritten")),
        ("Below is a description of what happens in the video. {c}", ("Below",)),
        ("The following is a caption of the frames: {c}", ("The following",)),
        ("Based on the provided frames, here is a description: {c}", ("provided", "here is")),
        ("Okay, here's what happens in this stretch: {c}", ("Okay", "here's")),
        ("This is a description of the video:\n\n{c}", ("This is a description",)),
        ("As requested, {c}", ("As requested",)),
        ("I've written the paragraph below: {c}", ("I've",)),
        ("Absolutely! Let me describe what I see.\n\n{c}", ("Absolutely", "Let me")),
    ],
    "framing": [
        ("In this video, a man in a red jacket walks along a wet street. He stops at a wooden door.", ("In this video", "in this video")),
        ("In this part of the video, a man in a red jacket walks along a wet street.", ("part of the video",)),
        ("In this section, the man knocks at the door.", ("n this section",)),
        ("The frames show a man in a red jacket who walks along a wet street.", ("frames", "Frames")),
        ("The images depict a man in a red jacket as he walks along a wet street.", ("images",)),
        ("The video frames show that a man walks along a wet street.", ("frames",)),
        ("This sequence of images shows a man walking along a wet street.", ("sequence of images",)),
        ("These frames capture a man walking along a wet street.", ("frames",)),
        ("The video shows a man in a red jacket walking along a wet street.", ("The video shows",)),
        ("This clip depicts a man walking along a wet street.", ("clip",)),
        ("Throughout the video, a man walks along a wet street.", ("hroughout the video",)),
        ("Based on the provided captions, a man walks along a wet street.", ("provided captions",)),
        ("Continuing from the previous section, the man knocks at the door.", ("previous section",)),
        ("I can see a man in a red jacket walking along a wet street.", ("I can see",)),
        ("A man walks along a wet street, as described in the provided captions.", ("provided captions",)),
    ],
    "closing": [
        ("{c} Overall, the scene feels calm and quiet.", ("Overall",)),
        ("{c} Overall, the video shows a man who visits somebody on a rainy day.", ("Overall",)),
        ("{c} In summary, a man walks and knocks.", ("In summary",)),
        ("{c} In conclusion, this is an everyday moment.", ("In conclusion",)),
        ("{c} To sum up, the man arrives.", ("To sum up",)),
        ("{c} The overall atmosphere is calm.", ("overall",)),
        ("{c} The scene conveys a sense of loneliness.", ("conveys",)),
        ("{c} All in all, it is a quiet scene. It captures the essence of rain.", ("All in all", "essence")),
        ("{c}\n\nOverall, the mood is quiet.", ("Overall",)),
        ("{c} This moment captures the beauty of a rainy day.", ("captures the beauty",)),
    ],
    "note": [
        ("{c} (Note: the door is only partly visible.)", ("Note",)),
        ("{c}\n\nNote: I could not see his face.", ("Note", "I could")),
        ("{c} Please note that some frames were blurry.", ("note", "blurry")),
        ("{c} Let me know if you need more details!", ("Let me know",)),
        ("{c} I hope this helps!", ("hope",)),
        ("{c}\n\nIf you'd like, I can make the description longer.", ("If you'd",)),
        ("{c} Would you like me to describe the next stretch?", ("Would you",)),
        ("{c} Feel free to ask for changes.", ("Feel free",)),
        ("{c} This description is based on the captions above.", ("This description",)),
        ("{c} [End of description]", ("End of",)),
        ("{c} (continued in the next section)", ("continued",)),
        ("{c}\n\n*Note: written in plain prose as asked.*", ("Note",)),
        ("{c} I have avoided repeating earlier details in this paragraph.", ("I have",)),
        ("{c} The user asked for one paragraph, so I will stop here.", ("user",)),
        ("{c} Thank you for sharing the video.", ("Thank you",)),
        ("{c} #rain #street #door", ("#rain",)),
    ],
    "word count": [
        ("{c} (Word count: 18)", ("Word count", "18")),
        ("{c} (18 words)", ("18 words",)),
        ("{c}\n\nWord count: 18", ("Word count",)),
        ("{c}\n[18 words]", ("18 words",)),
        ("{c} — 18 words", ("18 words",)),
        ("{c}\n\n**Total words: 18**", ("Total", "18")),
        ("{c} (approximately 20 words)", ("20 words",)),
        ("(18 words) {c}", ("18 words",)),
    ],
    "repeated end": [
        (f"{{c}} {SECOND}", (f"{SECOND} {SECOND}",)),
        (f"{{c}} {SECOND} {SECOND}", (f"{SECOND} {SECOND}",)),
        (f"{FIRST} {{c}}", (f"{FIRST} {FIRST}",)),
        (f"{{c}} The door opens. {SECOND}", (f"opens. {SECOND}",)),
        (f"{{c}} {SECOND.upper()}", (SECOND.upper(),)),
        (f"{{c}} {SECOND[:-1]}", (f"{SECOND} {SECOND[:-1]}",)),
    ],
    "unfinished": [
        ("{c} Then the door", ("Then the door",)),
        ("{c} A woman in a green dress opens and", ("green dress",)),
        ("{c} Behind the door stands a", ("Behind",)),
        ("{c} The camera follows him,", ("camera follows",)),
        ("{c} The sign above the door says \"Ope", ("sign above",)),
        ("{c} The light of the...", ("light of",)),
        ("{c} He then turns around to look at the str", ("turns around",)),
        ("{c} He puts his hand into his pocket (the left", ("pocket",)),
    ],
    "citation": [
        ("A man walks along a street [1][2]. He knocks at a door [3].", ("[1]", "[2]", "[3]")),
        ("{c}【1†source】", ("【", "source")),
        ("A man walks[^1] along a wet street and stops at a door.[^2]\n\n[^1]: frame 1", ("[^",)),
        ("{c} [citation needed]", ("citation",)),
        ("{c} (Source: caption 3)", ("Source",)),
        ("A man walks along a street (Window 3). He knocks at a door (windows 4-5).", ("Window", "windows")),
        ("A man walks along a street [Frame 2]. He knocks at a door [Caption 4, 5].", ("Frame 2", "Caption 4")),
        ("A man walks along a street.¹ He knocks at a door.²", ("¹", "²")),
        ("{c} [1†L3-L5]", ("†",)),
        ("{c} (see frame 7)", ("frame 7",)),
        ("A man walks along a street<sup>1</sup> and knocks at a door.", ("sup", "street1")),
        ("{c} [source]", ("source",)),
    ],
    "entity": [
        ("The sign reads &quot;Caf&eacute;&quot; &amp; the man walks past it.", ("&quot;", "&eacute;", "&amp;")),
        ("A man &lt;in red&gt; walks along a street.", ("&lt;", "&gt;")),
        ("The man&#39;s jacket is red, and the street&#x27;s stones are wet.", ("&#",)),
        ("A man walks&nbsp;along a wet street.", ("&nbsp;",)),
        ("The man&amp;#39;s jacket is red and wet.", ("&amp;", "&#")),
        ("<p>{c}</p>", ("<p>", "</p>")),
        ("A man walks along a street.<br>He knocks at a door.<br/>", ("<br",)),
        ("<b>A man</b> in a <i>red jacket</i> walks along a street.", ("<b>", "<i>")),
        ("A man walks along a street.\\nHe knocks at a \\\"red\\\" door.", ("\\n", "\\")),
        ("<caption>{c}</caption>", ("<caption>",)),
    ],
    "character": [
        ("\ufeff{c}", ("\ufeff",)),
        ("A man in a red\u200b jacket walks\u200b along a street.", ("\u200b",)),
        ("A man walks\x00 along\x07 a street.", ("\x00", "\x07", "\ufffd")),
        ("\x1b[31mA man walks\x1b[0m along a street.", ("\x1b", "[31m", "[0m", "\ufffd")),
        ("A man walks \u202ealong\u202c a street.", ("\u202e", "\u202c")),
        ("A man walks\u2028along a street.", ("\u2028",)),
        ("A wo\u00adman walks along a street.", ("\u00ad",)),
        ("A man\u2060 walks \u200ealong a \u2066wet\u2069 street.", ("\u2060", "\u200e", "\u2066", "\u2069")),
        ("A man walks \ud83d along a street.", ("\ud83d", "\ufffd")),
        ("A man \ue000walks\U000e0041 along a street.", ("\ue000", "\U000e0041")),
    ],
    "template token": [
        ("{c}<|im_end|>", ("<|",)),
        ("<|im_start|>assistant\n{c}<|im_end|>\n<|im_start|>user\nThanks!", ("<|", "assistant", "Thanks")),
        ("[INST] Describe the frames. [/INST] {c}", ("INST", "Describe")),
        ("<s>{c}</s>", ("<s>", "</s>")),
        ("{c}<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nWhat next?", ("<|", "What next", "user")),
        ("{c}<end_of_turn>", ("end_of_turn",)),
        ("<start_of_turn>model\n{c}", ("start_of_turn", "model")),
        ("{c}<|endoftext|>Once upon a time there was a king.", ("endoftext", "king")),
        ("<<SYS>>Be brief.<</SYS>>{c}", ("SYS", "brief")),
        ("<image>{c}", ("<image>",)),
        ("{c}<end_of_utterance>", ("utterance",)),
        ("ASSISTANT: {c}", ("ASSISTANT",)),
        ("assistant\n{c}", ("assistant",)),
        ("{c}\nUser: And then?\nAssistant: He waits.", ("User:", "Assistant:", "waits")),
        ("### Assistant:\n{c}", ("###", "Assistant")),
        ("<|vision_start|><|image_pad|><|vision_end|>{c}", ("<|",)),
        ("{c}<｜end▁of▁sentence｜>", ("<｜",)),
        ("<unk>{c}<pad><pad>", ("<unk>", "<pad>")),
        ("{c}\n\n### Instruction:\nDescribe the next video.", ("###", "next video")),
        ("▁A▁man▁walks▁along▁a▁wet▁street.", ("▁",)),
    ],
    "echo": [
        (f"{PROMPT} {{c}}", ("Say only", "stretch lasts", "Describe")),
        ("Say only what can be seen. No introduction. {c}", ("Say only", "No introduction")),
        ("{c} Describe in English what happens in this stretch: who or what acts, how things move and change.", ("Describe",)),
        ("This stretch lasts from 0.0 s to 10.0 s of the video. {c}", ("stretch lasts",)),
    ],
    "foreign sentence": [
        ("{c} 一个男人走在湿漉漉的街道上。", ("男人",)),
        ("{c} Мужчина идёт по мокрой улице.", ("Мужчина",)),
        ("{c} Dann öffnet eine Frau in einem grünen Kleid langsam die schwere Tür.", ("Dann öffnet",)),
        ("{c} Luego una mujer con un vestido verde abre lentamente la puerta de madera.", ("Luego",)),
        ("A man in a 红色 jacket walks along a street. {c}", ("红色",)),
        ("Le trottoir est mouillé et une femme attend devant la porte avec son parapluie. {c}", ("trottoir",)),
        ("{c} 그는 문 앞에 서 있다.", ("그는",)),
    ],
    "late time": [
        ("{c} At 12:34 the door opens.", ("12:34",)),
        ("{c} The door opens at 12:34.", ("12:34",)),
        ("{c} (12:34) The door opens.", ("12:34",)),
        ("{c} [12:34] The door opens.", ("12:34",)),
        ("{c} The door opens (12:34–12:40).", ("12:34",)),
        ("{c} From 750 s to 754 s the door opens.", ("750", "754")),
        ("{c} At 754 seconds, the door opens.", ("754",)),
        ("{c} At the 12-minute mark, the door opens.", ("12-minute",)),
        ("{c} Twelve minutes into the video, the door opens.", ("Twelve",)),
        ("{c} The door opens at 12m34s.", ("12m34s",)),
        ("{c} 00:12:34 The door opens.", ("00:12:34",)),
        ("{c} At minute 12 the door opens.", ("minute 12",)),
        ("{c} The door opens at 12 minutes and 34 seconds.", ("12 minutes",)),
        ("{c} Timestamp 754: the door opens.", ("754",)),
        ("{c} 12:34 - The door opens.", ("12:34",)),
        ("{c} Between 12:30 and 12:40, the door opens.", ("12:30",)),
    ],
    "several versions": [
        ("Option 1: {c}\n\nOption 2: A rainy walk ends at a door.", ("Option", "rainy walk")),
        ("{c}\n\nAlternatively: A rainy walk ends at a door.", ("Alternatively", "rainy walk")),
        ("Caption 1: {c}\nCaption 2: A rainy walk.", ("Caption", "rainy walk")),
        ("{c}\n\nShorter version: A rainy walk.", ("Shorter", "rainy walk")),
    ],
    "wrapped": [
        ("\"{c}\"", ('"A man', 'twice."')),
        ("“{c}”", ("“", "”")),
        ("{{\"caption\": \"{c}\"}}", ("{", "caption\"")),
        ("{{\"description\": \"{c}\", \"confidence\": 0.9}}", ("{", "confidence")),
        ("[\"A man in a red jacket walks along a wet street.\", \"He stops at a wooden door.\"]", ("[\"", "\",")),
        ("\\boxed{{{c}}}", ("boxed", "{")),
    ],
}  # fmt: skip
_INSTEAD: dict[str, list[str]] = {
    "placeholder": [
        "N/A", "None", "null", "[caption]", "{}", "[]", "No description available.", "Not applicable.", "<caption here>",
        "[Insert description here]", "TBD", "...", "undefined",
    ],
    "refusal": [
        "I'm sorry, but I can't assist with that.",
        "I cannot see any images in your message.",
        "The images are not visible to me.",
        "As an AI language model, I am unable to watch videos.",
        "Unfortunately, I don't have access to the video frames.",
        "No images were provided. Please upload the video.",
        "It is not possible to determine from the frames what happens.",
        "I apologize, but the frames you uploaded did not load.",
        "Please provide the frames you want me to describe.",
        "I am not able to view videos. However, a typical video of this kind shows a man at a door.",
        "There are no frames attached to your message.",
        "It seems that you haven't attached any images.",
        "作为一个人工智能，我无法观看视频。",
        "Es tut mir leid, ich kann das Video nicht sehen.",
        "Lo siento, no puedo ver el video.",
        "I'm unable to identify people in this image.",
    ],
    "thought only": [
        "<think>The user wants a caption. I see a man in a red jacket, and then",
        "Okay, the user wants me to describe the frames. Let me think about what I see.",
        "We need to describe the stretch. Let me check the frames again.",
    ],
    "cut without a reason": [
        "A man in a red jacket walks along the",
        "The camera pans to the left and",
        "A man in a red jacket,",
    ],
    "late time only": ["At 12:34 a man opens the door.", "A man opens the door 754 seconds into the video."],
    "foreign": [
        "Ein Mann in einer roten Jacke geht eine enge Straße entlang und hält an einer Tür.",
        "一个穿红色夹克的男人走在湿漉漉的街道上，在一扇木门前停下。",
    ],
}  # fmt: skip

DEFECTS: tuple[Defect, ...] = (
    *(
        Defect(kind, answer.replace("{c}", CAPTION).replace("{{", "{").replace("}}", "}"), gone)
        for kind, answers in _AROUND.items()
        for answer, gone in answers
    ),
    *(
        Defect(kind, answer, (answer.strip(".")[:12] or answer,), kept=False)
        for kind, answers in _INSTEAD.items()
        for answer in answers
    ),
)
"""Every defect; none repeats another."""
