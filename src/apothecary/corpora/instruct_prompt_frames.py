# ruff: noqa: RUF001 (the full-width characters are those of the data)
"""What in a prompt of PromptCBLUE is instruction and what is text, by patterns of the sample."""

from __future__ import annotations

import re

from apothecary.errors import FormatError

__all__ = ["pair_of", "text_of"]

# Lines that say how to answer, and lines that name the options.
_ANSWER = re.compile(r"答：|(?:事件抽取)?说明：.*")
_OPTIONS = re.compile(
    r"(?:类型|实体|搜索意图|意图|临床试验筛选标准|三元组关系|阴阳性|症状阴阳性)?选项\s*[:：].*"
    r"|(?:实体类型|三元组关系类型|候选)\s*[:：].*"
)
# Lines that ask. A heading ends in a colon; a question begins with one of a few words.
_HEADING = re.compile(
    r"(?!患者|医生|对话历史|当前对话|问诊对话历史)[^。；;]{2,120}[:：]|总结下面问诊对话，并给出问诊报告"
    r"|根据下面的问诊对话历史，给出医生的下一句回复"
)
_QUESTION = re.compile(
    r"(?:是什么临床试验筛选标准类型|归一化后的标准词是|请问是什么(?:意图)?类型|问题：.*|上述问诊中的.*实体是什么"
    r"|下面对话中的.*实体有哪些|这个句子里面.*有哪些|根据上述对话，症状有哪些？这些症状的阴阳性是"
    r"|当前对话涉及哪些症状？这些症状的阴阳性如何|根据上述对话历史，作为医生应该如何回复"
    r"|(?:这句话|这个搜索|这个医疗搜索词|这个问诊句子)是什么.*)？"
    r"|根据上述对话(?:历史)?，给出(?:诊疗报告|医生的下一句话)|问题：.*"
)
# An instruction and the text on one line.
_INLINE = re.compile(
    r"(?:临床发现事件抽取|问诊对话的实体抽取|给出句子中的[^：]{1,200}?等关系类型的实体对)：(?=.)"
)
_QUOTED = re.compile(r"“(.+)”(?:，|和|，来替换这个句子：|。页面标题：)“(.+)”")
_NAMED = re.compile(
    r"(?:医疗搜索|搜索词)：(?P<first>.+)\n(?:[^\n]*？\n)?(?:回答内容|页面标签)：(?P<second>.+)"
)


def text_of(prompt: str, *, whole: bool = False) -> str:
    """The text that a prompt asks about; with `whole` of several lines, such as a dialogue.

    Raises FormatError where no text, or without `whole` more than one line, is left.
    """
    kept = [line for line in prompt.split("\n") if line.strip() and not _is_instruction(line.strip())]
    text = "\n".join(_INLINE.sub("", line, count=1) for line in kept).strip()
    if not text or (len(kept) > 1 and not whole):
        raise FormatError(
            f"a prompt of an unknown form: {len(kept)} lines are no instruction",
            hint="only the forms of the small sample are known",
        )
    return text


def pair_of(prompt: str) -> tuple[str, str]:
    """The two texts that a prompt compares. Raises FormatError where they cannot be told."""
    kept = "\n".join(
        line for line in prompt.split("\n") if not (_ANSWER.fullmatch(line) or _OPTIONS.fullmatch(line))
    )
    if match := _NAMED.search(kept):
        return match["first"].strip(), match["second"].strip()
    found = [match for line in kept.split("\n") if (match := _QUOTED.search(line))]
    if len(found) != 1:
        raise FormatError(
            "a prompt of an unknown form: two texts cannot be told",
            hint="only the forms of the small sample are known",
        )
    return found[0][1].strip(), found[0][2].strip()


def _is_instruction(line: str) -> bool:
    return any(each.fullmatch(line) for each in (_ANSWER, _OPTIONS, _HEADING, _QUESTION))
