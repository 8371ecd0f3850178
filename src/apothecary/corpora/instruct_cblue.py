# ruff: noqa: RUF001 (the full-width characters are those of the data)
"""CBLUE: five of the Chinese sets (Zhang et al. 2022, ACL), by their terms for research only.

The files are those of a mirror (github.com/Sherlock-coder/CBLUE) which states no licence; the terms are those
of the Tianchi platform. Test parts are without labels and not read.

1. KUAKE-QIC: what a search intends, 11 classes. Ids are unique within a split only.
2. CHIP-STS: do two questions mean the same? Labels 1 and 0; a topic (five diseases) that is left out.
3. CHIP-CTC: what a criterion of a trial is about, 44 classes under English names.
4. CMeEE, first version: mentions, nested ones too, with the LAST character of each, not the one after it.
   Types are codes; here they have the names of the guideline.
5. CMeIE: triples of names and a predicate, of 44. The text does not say where a name stands: every place
   where it is found is a mention of the concept, so mentions are no gold and the task is "triples". Three
   of the 5,118 triples of the part at hand are told twice in their row, and kept once.
   Texts begin with what the passage is about and an `@`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from apothecary.corpora.instruct_set import InstructSet, Item, Place, Reader, objects, one
from apothecary.corpora.instruct_triples import Triple, triples_document
from apothecary.documents import Document, Mention, Span
from apothecary.errors import OffsetError
from apothecary.examples import Annotated, Labelled, Sourced, TaskName, TextPair
from apothecary.formats.fields import Fields

__all__ = ["CBLUE_SETS", "PREDICATES", "SAME", "TERMS"]

TERMS = "research only (Tianchi); the mirror states no licence"
_LICENCE = "Tianchi research terms; mirror without a licence"
_SOURCE = "Zhang et al. 2022, ACL; tianchi.aliyun.com/dataset/95414"
SAME = {"1": "意思相同", "0": "意思不同"}

INTENTS = (
    *("治疗方案", "病情诊断", "注意事项", "疾病表述", "就医建议", "功效作用"),
    *("后果表述", "医疗费用", "病因分析", "指标解读", "其他"),
)
CRITERIA = (
    *("Disease", "Symptom", "Sign", "Pregnancy-related Activity", "Neoplasm Status"),
    *("Non-Neoplasm Disease Stage", "Allergy Intolerance", "Organ or Tissue Status", "Life Expectancy"),
    *("Oral related", "Pharmaceutical Substance or Drug", "Therapy or Surgery", "Device", "Nursing"),
    *("Diagnostic", "Laboratory Examinations", "Risk Assessment", "Receptor Status", "Age"),
    *("Special Patient Characteristic", "Literacy", "Gender", "Education", "Address", "Ethnicity"),
    *("Consent", "Enrollment in other studies", "Researcher Decision", "Capacity", "Ethical Audit"),
    *("Compliance with Protocol", "Addictive Behavior", "Bedtime", "Exercise", "Diet"),
    *("Alcohol Consumer", "Sexual related", "Smoking Status", "Blood Donation", "Encounter"),
    *("Disabilities", "Healthy", "Data Accessible", "Multiple"),
)
ENTITIES = {
    "dis": "疾病",
    "sym": "临床表现",
    "dru": "药物",
    "equ": "医疗设备",
    "pro": "医疗程序",
    "bod": "身体",
    "ite": "医学检验项目",
    "mic": "微生物类",
    "dep": "科室",
}
PREDICATES = (
    *("预防", "阶段", "就诊科室", "同义词", "辅助治疗", "化疗", "放射治疗", "手术治疗", "药物治疗"),
    *("实验室检查", "影像学检查", "辅助检查", "组织学检查", "内窥镜检查", "筛查", "多发群体", "发病率"),
    *("发病年龄", "多发地区", "发病性别倾向", "死亡率", "多发季节", "传播途径", "并发症", "病理分型"),
    *("相关（导致）", "鉴别诊断", "相关（转化）", "相关（症状）", "临床表现", "治疗后症状"),
    *("侵及周围组织转移的症状", "病因", "高危因素", "风险评估因素", "病史", "遗传因素", "发病机制"),
    *("病理生理", "发病部位", "转移部位", "外侵部位", "预后状况", "预后生存率"),
)


def _qic(file: Path, place: Place) -> Iterator[Item]:
    def labelled(fields: Fields, key: str) -> Sourced:
        example = Labelled(_id(fields, key), fields.text("query"), (fields.text("label"),), INTENTS)
        return place.sourced("classification", example)

    return objects(file, labelled)


def _ctc(file: Path, place: Place) -> Iterator[Item]:
    def labelled(fields: Fields, key: str) -> Sourced:
        example = Labelled(_id(fields, key), fields.text("text").strip(), (fields.text("label"),), CRITERIA)
        return place.sourced("classification", example)

    return objects(file, labelled)


def _sts(file: Path, place: Place) -> Iterator[Item]:
    def pair(fields: Fields, key: str) -> Sourced:
        label = one(fields.text("label"), SAME, "label")
        first, second = fields.text("text1").strip(), fields.text("text2").strip()
        example = TextPair(_id(fields, key), first, second, "similarity", label, tuple(SAME.values()))
        return place.sourced("text_pairs", example)

    return objects(file, pair)


def _cmeee(file: Path, place: Place) -> Iterator[Item]:
    def annotated(fields: Fields, key: str) -> Sourced:
        text = fields.text("text")
        mentions = tuple(_mention(item, text) for item in fields.objects("entities"))
        example = Annotated(Document(id=_id(fields, key), text=text, mentions=mentions))
        return place.sourced("mentions", example, tuple(ENTITIES.values()))

    return objects(file, annotated)


def _mention(fields: Fields, text: str) -> Mention:
    start, last = fields.number("start_idx"), fields.number("end_idx")
    if start is None or last is None:
        raise fields.error("start_idx", "or end_idx is missing")
    if not 0 <= start <= last < len(text) or not (start.is_integer() and last.is_integer()):
        raise OffsetError(f"{start:g}-{last:g} lies outside the text of {len(text)} characters")
    span = Span(int(start), int(last) + 1)
    name = fields.text("entity")
    return Mention(
        spans=(span,),
        text=name,
        type=one(fields.text("type"), ENTITIES, "type of mentions"),
        alignment="exact" if text[span.start : span.end] == name else "mismatch",
    )


def _cmeie(file: Path, place: Place) -> Iterator[Item]:
    def annotated(fields: Fields, key: str) -> Sourced:
        triples = [
            Triple(
                predicate=item.text("predicate"),
                head=item.text("subject"),
                head_type=item.text("subject_type"),
                tail=item.strings("object").get("@value", ""),
                tail_type=item.strings("object_type").get("@value", ""),
            )
            for item in fields.objects("spo_list")
        ]
        document = triples_document(_id(fields, key), fields.text("text"), triples)
        return place.sourced("triples", Annotated(document), PREDICATES)

    return objects(file, annotated)


def _id(fields: Fields, key: str) -> str:
    return fields.text("id", key)


def _set(name: str, title: str, task: TaskName, stem: str, trap: str, read: Reader) -> InstructSet:
    ending = "jsonl" if task == "triples" else "json"
    return InstructSet(
        name=name,
        title=title,
        language="zh",
        tasks=(task,),
        licence=_LICENCE,
        source=_SOURCE,
        folders=("cblue",),
        splits={"train": f"{stem}_train.{ending}", "dev": f"{stem}_dev.{ending}"},
        traps=(trap,),
        read=read,
        terms=TERMS,
    )


CBLUE_SETS: tuple[InstructSet, ...] = (
    _set("kuake_qic", "What a search intends", "classification", "qic", "Ids repeat in dev.", _qic),
    _set("chip_ctc", "Criteria of trials", "classification", "ctc", "English labels.", _ctc),
    _set("chip_sts", "Questions that mean the same", "text_pairs", "sts", "Topics are left out.", _sts),
    _set("cmeee", "Chinese mentions", "mentions", "cmeee", "Ends are inclusive; mentions nest.", _cmeee),
    _set("cmeie", "Chinese triples", "triples", "cmeie", "Names without places.", _cmeie),
)
