from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.language.sentences import split_sentences

# `|` marks where a sentence ends; the space behind it belongs to neither
ENGLISH = [
    "",
    "A dog runs",
    "A dog runs.| It barks!| Why?| Nobody knows…| Night falls.",
    "Mr. Smith walks in.| He sits down beside Mrs. Jones and Dr. A. B. Lee.",
    "Prof. Lee meets Capt. Hook vs. Cpt. Miller at St. Mary's Church on Jan. 5.| It rains.",
    "The U.S. team wins 3.5 to 2.| J. K. Rowling waves.| He lives in Washington D.C.| He likes it.",
    "It is 3.5 m high, approx. as high as a house.| Approx. 30 people watch.",
    "The shop opens at 9 a.m. and closes at 5 p.m. on weekdays.| The band plays at 9 p.m.| The crowd cheers.",
    "He shows animals, e.g. a dog, i.e. a poodle, etc.| The end.",
    "Fig. 3 shows the no. 1 team.| The file is main.py.| Visit www.example.com.| Then go.",
    'He says "Go."| Then he leaves.',
    'She says, "I am here. I am glad. You see?"| Then she asks, "Why?" and he answers.',
    "“Stop.”| “Why?” asks the man.| The sign reads “No. Never.”| People laugh.",
    "A man (he wears a hat. It is red.) walks.| He stops... and turns.",
    'A 5" pipe lies there.| A man walks by.| He picks a 6" nail and a 6\' ladder.| It is 5\' 3" tall.',
    "1. Cut the onion.| 2. Fry it.| Step 3. serve it.",
    "Add 1 tsp. of salt and 2 tbsp. of oil.| It is 5 km.| Then he turns.| 3 oz.| He stirs.",
    "A dog runs. [3]| It barks [4]. [5-6]| It sits.[7]| It sleeps [8, 9].",
    "[3] A dog runs.| [4] It barks.",
    "Hmm.| The TV.| He watches the BBC.| The end.",
]
OTHERS = {
    "de": "Dr. Müller geht z. B. um 10.30 Uhr heim.| Am 3. Oktober ist es bzw. war es kalt.| „Komm!“, sagt er.",
    "fr": "M. Dupont et Mme. Curie entrent.| C'est en 50 av. J.-C. à Rome.| « Viens ! » dit-il.| Elle part.",
    "es": "El Sr. García entra.| ¿Qué hace?| La Sra. López lleva p. ej. un perro.| ¡Hola!",
    "it": "Il sig. Rossi entra.| Il dott. Bianchi saluta.| Fine.",
    "pt": "O Sr. Silva entra.| A Dra. Costa sai.| Fim.",
    "nl": "Dhr. Jansen loopt bijv. naar huis.| Mevr. De Vries zit.| Einde.",
    "da": "Dr. Hansen kommer bl.a. hjem.| Den 3. maj regner det.| Slut.",
    "no": "Dr. Hansen kommer f.eks. hjem.| Det skjer 3. mai.| Hunden løper.",
    "sv": "Dr. Svensson går t.ex. hem.| Hunden springer.",
    "fi": "Koira haukkuu esim. ulkona.| Loppu.",
    "pl": "Pan dr. Kowalski idzie np. o godz. 10.30.| Koniec.",
    "cs": "Pan Dr. Novák jde např. domů.| Je 3. října.| Konec.",
    "hu": "Dr. Kovács jön.| A 3. ember pl. fut.| Vége.",
    "ro": "Dl. Popescu vine pe Str. Mare nr. 5.| Plouă.",
    "ru": "А. С. Пушкин жил в г. Москве.| В 1990 г. он уехал.| Она бежит.",
    "uk": "Т. Г. Шевченко жив у м. Київ.| Собака біжить.",
    "el": "Ο κ. Παπαδόπουλος μπαίνει.| Τι κάνει;| Φεύγει.",
    "tr": "Dr. Yılmaz geldi.| Sn. Kaya gitti.",
    "id": "Dr. Budi masuk.| Jl. Sudirman ramai.",
    "vi": "Anh ấy ngồi.| Con chó chạy!",
    "zh": "一个男人走路。|他敲门！|谁开门？|一个女人。|他说：“好。”|然后他走了。",
    "ja": "男が歩く。|「来て。」と言った。|犬（白い。大きい。）が走る！",
    "ko": "남자가 걷는다.| 그는 앉는다.| 개가 뛴다!",
    "hi": "एक आदमी चलता है।| डॉ. शर्मा आते हैं।| वह 5.5 किलो है।",
    "bn": "লোকটি হাঁটে।| সে বসে।",
    "ar": "ما هذا؟| د. أحمد هنا.| نعم!",
    "fa": "مرد راه می‌رود.| او می‌نشیند؟| بله.",
    "ur": "آدمی چلتا ہے۔| وہ بیٹھتا ہے۔",
    "he": 'האיש הולך.| ד"ר כהן יושב.',
    "hy": "Մարդը քայլում է։| Նա նստում է։",
    "th": "ผู้ชายเดิน เขานั่ง",
}


def apart(marked: str) -> tuple[str, list[str]]:
    return marked.replace("|", ""), [part.strip() for part in marked.split("|") if part.strip()]


@pytest.mark.parametrize("marked", ENGLISH)
def test_where_sentences_end(marked: str) -> None:
    text, sentences = apart(marked)
    assert split_sentences(text, "English") == sentences
    assert split_sentences(text) == sentences, "and where the language is guessed"


@pytest.mark.parametrize("code", OTHERS)
def test_where_sentences_of_other_languages_end(code: str) -> None:
    text, sentences = apart(OTHERS[code])
    assert split_sentences(text, code) == sentences


def test_the_language_is_guessed_from_a_caption_of_usual_length() -> None:
    text = "Ein Hund läuft z. B. über die Wiese und bellt bzw. jault. Dann geht Herr Dr. Müller mit ihm nach Hause."
    assert len(split_sentences(text)) == 2
    text = "В 1990 г. писатель приехал в г. Москву и остался. Собака бежит по улице."
    assert len(split_sentences(text)) == 2


@pytest.mark.parametrize("space", ["\xa0", "\u2003", "\u3000", "\u202f"])
def test_a_wide_space_before_an_initial_is_a_space(space: str) -> None:
    text = f"A man waves to{space}J. Smith.{space}He leaves."
    assert split_sentences(text) == [f"A man waves to{space}J. Smith.", "He leaves."]


def test_a_line_break_ends_a_sentence() -> None:
    assert split_sentences("A dog runs\nIt barks.\r\n\n It sits. \n") == ["A dog runs", "It barks.", "It sits."]


@settings(deadline=None)
@given(st.text(alphabet='aA .!?。…"”[]()3-,\n走é़'), st.sampled_from([None, "en", "de", "ja"]))
def test_splitting_loses_nothing(text: str, language: str | None) -> None:
    parts = split_sentences(text, language)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(part and part == part.strip() for part in parts)
