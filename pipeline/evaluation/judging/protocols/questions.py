"""Questions answered from the caption alone: VCapsBench, VDCscore, captions as memory, TemporalBench."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from pipeline.evaluation.judging.asking import TEXT, Ask, Values, batches, label, number
from pipeline.evaluation.judging.case import FAILED, MISSING, Asking, Case, Found, Unit, share
from pipeline.evaluation.judging.negatives import edited
from pipeline.evaluation.scores.metrics import Metric
from pipeline.evaluation.scores.truth import Question

YES_NO = ("yes", "no", "unanswerable")
_BATCH = 10
_UNKNOWN = "unknown"


def yes_no_questions(case: Case) -> list[Question]:
    return [q for q in case.truth.questions if not q.choices and q.answer.lower().strip(" .") in YES_NO]


def free_questions(case: Case) -> list[Question]:
    return [q for q in case.truth.questions if not q.choices and q.answer.lower().strip(" .") not in YES_NO]


def choice_questions(case: Case) -> list[Question]:
    return [q for q in case.truth.questions if q.choices]


class YesNo:
    """VCapsBench: AR = right / all, IR = wrong / (all - unanswerable), CR = 1 - unanswerable / all.

    The published script drops answers that do not parse; here they are in every denominator but in no numerator.
    """

    name = "questions"
    metrics: Mapping[str, Metric] = {
        "answers_right": Metric("judge", 1, "VCapsBench's AR: questions that the caption answers rightly"),
        "answers_wrong": Metric("judge", -1, "VCapsBench's IR: questions answered wrongly, of those answered"),
        "answers_given": Metric("judge", 1, "VCapsBench's CR: questions that the caption answers"),
    }

    def applies(self, case: Case) -> bool:
        return bool(yes_no_questions(case))

    def judge(self, case: Case, ask: Asking) -> Found:
        questions = {f"q{k}": q for k, q in enumerate(yes_no_questions(case), 1)}
        said = _ask(case, ask, questions, "questions", {"answer": label(*YES_NO)})
        units = []
        for name, question in questions.items():
            answer = said.get(name)
            verdict = answer["answer"] if answer else FAILED if case.captioned else MISSING
            right = verdict == question.answer.lower().strip(" .")
            given = verdict in ("yes", "no")
            values = {
                "answers_right": float(right),
                # a failed answer is not unanswerable: it stays in the denominator of IR
                "answers_wrong": None if verdict in ("unanswerable", MISSING) else float(given and not right),
                "answers_given": float(given),
            }
            units += [_unit(case, name, question, metric, verdict, value) for metric, value in values.items()]
        return Found({m: share([u.value for u in units if u.metric == m]) for m in self.metrics}, tuple(units))


class Vdc:
    """VDCscore: a short answer from the caption alone, then yes or no and 0 to 5 compared with the right answer.

    The published script leaves out videos whose accuracy or score is 0, and failures; here both count 0.
    """

    name = "vdc"
    metrics: Mapping[str, Metric] = {
        "vdc_accuracy": Metric("judge", 1, "VDCscore: free answers from the caption that are right"),
        "vdc_score": Metric("judge", 1, "VDCscore: mean of 0 to 5"),
    }

    def applies(self, case: Case) -> bool:
        return bool(free_questions(case))

    def judge(self, case: Case, ask: Asking) -> Found:
        questions = {f"q{k}": q for k, q in enumerate(free_questions(case), 1)}
        said = _ask(case, ask, questions, "answers", {"answer": TEXT})
        to_grade = {
            name: f"Question: {questions[name].text} Right answer: {questions[name].answer} "
            f"Given answer: {answer['answer']}"
            for name, answer in said.items()
            if answer is not None
        }
        fields = {"verdict": label("yes", "no"), "score": number(0, 5)}
        asks = [Ask(prompt="grades", items=some, fields=fields) for some in batches(to_grade, _BATCH)]
        grades = ask(asks) if asks else {}
        units = []
        for name, question in questions.items():
            grade = grades.get(name)
            verdict = grade["verdict"] if grade else FAILED if case.captioned else MISSING
            right, score = float(verdict == "yes"), float(grade["score"]) if grade else 0.0
            units.append(_unit(case, name, question, "vdc_accuracy", verdict, right))
            units.append(_unit(case, name, question, "vdc_score", str(int(score)) if grade else verdict, score))
        return Found({m: share([u.value for u in units if u.metric == m]) for m in self.metrics}, tuple(units))


class Memory:
    """The caption as the memory of a reader who answers multiple-choice questions: StoryTeller, InfiniBench, LLoVi.

    "unknown" is a choice; a failed answer is wrong (StoryTeller's script counts it as the first choice).
    """

    name = "memory"
    metrics: Mapping[str, Metric] = {
        "memory_accuracy": Metric("judge", 1, "multiple-choice questions that a reader of the caption answers rightly"),
        "memory_unknown": Metric("judge", 0, "multiple-choice questions to which the reader finds no answer"),
    }
    what = "a description of it"

    def applies(self, case: Case) -> bool:
        return bool(choice_questions(case))

    def judge(self, case: Case, ask: Asking) -> Found:
        questions = {f"q{k}": q for k, q in enumerate(choice_questions(case), 1)}
        said = self.read(case, ask, questions)
        right_name, unknown_name = self.metrics
        units = []
        for name, question in questions.items():
            picked = _picked(said.get(name), question, case)
            right = picked == question.answer
            shown = (
                _UNKNOWN if picked == _UNKNOWN else picked if picked in (FAILED, MISSING) else _letter(question, picked)
            )
            units.append(_unit(case, name, question, right_name, shown, float(right)))
            units.append(_unit(case, name, question, unknown_name, shown, float(picked == _UNKNOWN)))
        return Found({m: share([u.value for u in units if u.metric == m]) for m in self.metrics}, tuple(units))

    def read(self, case: Case, ask: Asking, questions: Mapping[str, Question]) -> dict[str, Values | None]:
        return _choose(case, ask, questions, case.material, self.what)


class MemoryWithNotes(Memory):
    """LLoVi's two steps: notes of at most 500 words that are relevant to a question, then the answer from them."""

    name = "memory_notes"
    metrics: Mapping[str, Metric] = {
        "memory_notes_accuracy": Metric("judge", 1, "the same from notes that were taken for each question (LLoVi)"),
        "memory_notes_unknown": Metric("judge", 0, "questions to which the reader of the notes finds no answer"),
    }
    what = "notes from a description of it"

    def read(self, case: Case, ask: Asking, questions: Mapping[str, Question]) -> dict[str, Values | None]:
        if not case.captioned:
            return {}
        notes = ask(
            [
                Ask(prompt="notes", items={name: _listed(q)}, fields={"notes": TEXT}, material=case.material)
                for name, q in questions.items()
            ]
        )
        found: dict[str, Values | None] = {}
        for name, question in questions.items():
            taken = notes.get(name)
            if taken is not None:
                found |= _choose(case, ask, {name: question}, taken["notes"], self.what)
        return found


class Binary:
    """TemporalBench: choose between a true sentence and its minimal edit. Multiple binary accuracy needs all pairs
    right.

    Pairs are questions with two choices; if references have none, true sentences are edited: another direction, number,
    order, size or colour.
    """

    name = "binary"
    metrics: Mapping[str, Metric] = {
        "binary_accuracy": Metric("judge", 1, "pairs of a true sentence and its minimal edit that are distinguished"),
        "multiple_binary_accuracy": Metric("judge", 1, "captions that distinguish all pairs (TemporalBench)"),
    }

    def applies(self, case: Case) -> bool:
        return bool(self._pairs(case))

    def judge(self, case: Case, ask: Asking) -> Found:
        pairs = self._pairs(case)
        said = _choose(case, ask, pairs, case.material, Memory.what)
        units = []
        for name, question in pairs.items():
            picked = _picked(said.get(name), question, case)
            shown = picked if picked in (_UNKNOWN, FAILED, MISSING) else "true" if picked == question.answer else "edit"
            units.append(_unit(case, name, question, "binary_accuracy", shown, float(picked == question.answer)))
        values = [u.value for u in units]
        whole = {"binary_accuracy": share(values), "multiple_binary_accuracy": float(all(values))}
        return Found(whole, tuple(units))

    @staticmethod
    def _pairs(case: Case) -> dict[str, Question]:
        found = [q for q in choice_questions(case) if len(q.choices) == 2]
        if not found and not choice_questions(case):
            found = [
                Question(
                    "Which of the two is true of the video?", text, _both(text, edit), kind, (span,) if span else ()
                )
                for text, span in case.true_sentences
                for kind, edit in edited(text)[:1]
            ]
        return {f"b{k}": q for k, q in enumerate(found, 1)}


def _both(text: str, edit: str) -> tuple[str, str]:
    """Return two choices in alphabetical order, so that the order reveals nothing."""
    first, second = sorted((text, edit))
    return first, second


def _ask(
    case: Case, ask: Asking, questions: Mapping[str, Question], prompt: str, fields: Mapping[str, object]
) -> dict[str, Values | None]:
    if not case.captioned:
        return {}
    texts = {name: q.text for name, q in questions.items()}
    return ask(
        [
            Ask(prompt=prompt, items=some, fields=fields, material=case.material)  # type: ignore[arg-type]
            for some in batches(texts, _BATCH)
        ]
    )


def _choose(
    case: Case, ask: Asking, questions: Mapping[str, Question], material: str, what: str
) -> dict[str, Values | None]:
    """Ask questions with the same number of choices together, so that no answer has a letter that a question lacks."""
    if not case.captioned:
        return {}
    by: dict[int, dict[str, str]] = defaultdict(dict)
    for name, question in questions.items():
        by[len(question.choices)][name] = _listed(question)
    asks = [
        Ask(
            prompt="choices",
            items=some,
            fields={"choice": label(*(chr(ord("A") + k) for k in range(count)), _UNKNOWN)},
            material=material,
            values={"what": what},
        )
        for count, texts in sorted(by.items())
        for some in batches(texts, _BATCH)
    ]
    return ask(asks)


def _listed(question: Question) -> str:
    """Format a question with its choices, each with a letter."""
    choices = " ".join(f"({chr(ord('A') + k)}) {choice}" for k, choice in enumerate(question.choices))
    return f"{question.text} {choices}"


def _picked(answer: Values | None, question: Question, case: Case) -> str:
    if answer is None:
        return FAILED if case.captioned else MISSING
    said = str(answer["choice"])
    return _UNKNOWN if said == _UNKNOWN else question.choices[ord(said) - ord("A")]


def _letter(question: Question, picked: str) -> str:
    return chr(ord("A") + question.choices.index(picked))


def _unit(  # noqa: PLR0917
    case: Case, name: str, question: Question, metric: str, label_: str, value: float | None
) -> Unit:
    return Unit(
        id=name,
        metric=metric,
        label=label_,
        value=value,
        position=case.position(question.spans),
        group=question.group,
        scope=question.scope or case.scope(question.spans),
    )
