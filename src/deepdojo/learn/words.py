"""All that `dojo learn` says, in English and in Chinese; and the faults that a learner can mend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deepdojo.errors import DojoError, nearest
from deepdojo.grader.words import Text

__all__ = ["REFUSALS", "SAYS", "LearnError", "ids_said", "refuse", "say", "unknown_lesson"]

SAYS = {
    "made": Text(
        "This folder holds other things, so lessons lie in {folder}.", "当前文件夹里已有别的内容，课程放在 {folder}。"
    ),
    "minutes": Text("about {n} min", "约 {n} 分钟"),
    "needs": Text("builds on {ids}", "需要先学 {ids}"),
    "file": Text("Your file: {file}", "你的文件：{file}"),
    "do_write": Text(
        "Open it in your editor, write what is missing, save. The verdict appears here.",
        "用编辑器打开它，补上缺的部分，保存。判定结果会出现在这里。",
    ),
    "do_mend": Text(
        "Open it in your editor, find the one fault, mend it, save. The verdict appears here.",
        "用编辑器打开它，找出其中唯一的错误，改好，保存。判定结果会出现在这里。",
    ),
    "loading": Text("loading the checker …", "正在载入检查器……"),
    "checking": Text("checking …", "正在检查……"),
    "keys": Text(
        "h hint · n next · l list · t details · r run · s 中文 · q quit",
        "h 提示 · n 下一课 · l 列表 · t 细节 · r 运行 · s English · q 退出",
    ),
    "lines": Text(
        "No terminal: give the keys as lines (h n l t r s q); the end of the input quits.",
        "没有终端：请逐行输入按键（h n l t r s q），输入结束即退出。",
    ),
    "failed_keys": Text("h hint · t details", "h 提示 · t 细节"),
    "picture": Text("The same as a picture: {file}", "同一幅图的文件：{file}"),
    "passed_next": Text("n next: {id} {title}", "n 下一课：{id} {title}"),
    "all_passed": Text(
        "That was the last one: every lesson is passed or left out.", "这是最后一课：所有课程都已通过或跳过。"
    ),
    "with": Text(
        "Train a real model with it: {command} --with {file}",
        "用它训练真实模型：{command} --with {file}",
    ),
    "hint": Text("Hint {n} of {total}: {text}", "提示 {n}/{total}：{text}"),
    "last_hint": Text(
        "That was the last hint. dojo learn solution --give-up shows a solution, and says so in your progress.",
        "提示到此为止。dojo learn solution --give-up 可以查看参考解答，进度中会注明。",
    ),
    "not_passed": Text(
        "{id} is not passed yet. Press n again to leave it out for now.", "{id} 还没有通过。再按一次 n 可以先跳过。"
    ),
    "skipped": Text(
        "{id} is left out for now; dojo learn {id} comes back to it.", "已跳过 {id}；用 dojo learn {id} 可以回来。"
    ),
    "reset": Text("{file}: a new stub", "{file}：已写入新的起始文件"),
    "kept": Text("the old file is kept as {file}", "旧文件保留为 {file}"),
    "no_details": Text("There is nothing more to tell.", "没有更多细节。"),
    "broken_check": Text("This lesson cannot be checked: {why}", "无法检查本课：{why}"),
    "not_saved": Text(
        "The verdict stands, but your progress could not be saved: {why}", "判定有效，但进度无法保存：{why}"
    ),
    "damaged": Text(
        "Your progress could not be read; it is kept as {file}. dojo learn verify rebuilds it from your files.",
        "进度文件无法读取，已保留为 {file}。dojo learn verify 会根据你的文件重建进度。",
    ),
    "bye": Text("{passed} of {total} passed. Go on with: dojo learn", "已通过 {passed}/{total}。继续：dojo learn"),
    "state_passed": Text("passed", "已通过"),
    "state_earlier": Text("passed (earlier check), run again?", "已通过（旧版检查），要重新运行吗？"),
    "state_open": Text("begun", "进行中"),
    "state_skipped": Text("left out", "已跳过"),
    "given_up": Text("solution seen", "看过解答"),
    "attempts": Text("{n} attempts", "尝试 {n} 次"),
    "attempt": Text("1 attempt", "尝试 1 次"),
    "bar": Text("{passed} of {total} passed", "已通过 {passed}/{total}"),
    "next": Text("Next", "下一步"),
    "verify_pass": Text("right", "正确"),
    "verify_fail": Text("not right: {why}", "不正确：{why}"),
    "verify_kept": Text("not right now, the earlier pass stays: {why}", "现在不正确，之前的通过仍然有效：{why}"),
    "verify_stub": Text("not begun", "尚未开始"),
    "verified": Text("{n} files checked, {passed} right", "检查了 {n} 个文件，{passed} 个正确"),
    "verified_none": Text("no file of a lesson is here", "这里没有课程文件"),
    "exported": Text("{file}: {passed} lessons passed, with the files", "{file}：已通过 {passed} 课，附带你的文件"),
    "no_proof": Text(
        "This is no proof: anybody can edit it. Whoever grades checks the files again, with numbers of their own.",
        "这份文件不能作为证明：任何人都能改动它。评分者会用自己的数据重新检查这些代码。",
    ),
    "solution_seen": Text("A solution of {id}:", "{id} 的参考解答："),
    "other_ways": Text("Another right way ({file}):", "另一种正确写法（{file}）："),
    "button_h": Text("hint", "提示"),
    "button_n": Text("next", "下一课"),
    "button_l": Text("list", "列表"),
    "button_t": Text("details", "细节"),
    "button_r": Text("run", "运行"),
    "button_s": Text("中文", "English"),
    "web": Text("{address} shows the lesson; Ctrl-C ends it.", "请打开 {address} 查看课程；按 Ctrl-C 结束。"),
}

# What is wrong, and what to do.
REFUSALS = {
    "read_only": (
        Text("cannot be written ({why})", "无法写入（{why}）"),
        Text("begin in a folder of your own", "请换到自己有权限的文件夹"),
    ),
    "unreadable": (
        Text("cannot be read ({why})", "无法读取（{why}）"),
        Text("change its permissions", "请修改它的权限"),
    ),
    "newer": (
        Text("was written by a later DeepDojo", "由更新版本的 DeepDojo 写入"),
        Text("update this one", "请更新当前版本"),
    ),
    "gone": (
        Text("there is no such file", "没有这个文件"),
        Text("dojo learn reset writes the stub", "dojo learn reset 会写入起始文件"),
    ),
    "not_utf8": (Text("is no UTF-8 text", "不是 UTF-8 文本"), Text("save it as UTF-8", "请另存为 UTF-8")),
    "binary": (Text("holds binary data", "含有二进制数据"), Text("it has to be a Python file", "它应当是 Python 文件")),
    "huge": (
        Text("has {bytes} bytes, more than any lesson needs", "有 {bytes} 字节，远超任何一课所需"),
        Text("dojo learn reset writes the stub", "dojo learn reset 会写入起始文件"),
    ),
    "none_begun": (
        Text("no lessons have been begun here", "这里还没有开始任何课程"),
        Text("dojo learn begins", "用 dojo learn 开始"),
    ),
    "no_lesson": (Text("no lesson or verb is named {name}", "没有名为 {name} 的课程或子命令"), Text("", "")),
    "no_lessons": (Text("holds no lessons", "里面没有课程"), Text("give a folder of lessons", "请给出课程文件夹")),
    "no_source": (
        Text("the lessons of this folder are not there any more", "本文件夹所用的课程已不在那里"),
        Text("give dojo learn --from FOLDER, or --from built-in", "请用 dojo learn --from 文件夹，或 --from built-in"),
    ),
    "untrusted": (
        Text("its checks are Python code from outside", "其中的检查是外来的 Python 代码"),
        Text("give --trust if you trust whoever wrote it", "信任作者的话，请加上 --trust"),
    ),
    "untrusted_files": (
        Text("the files to grade are Python code from outside", "要评分的文件是外来的 Python 代码"),
        Text(
            "give --trust to run them, each in a limited process; --no-grade makes the table without",
            "加上 --trust 才会在受限进程中逐个运行；--no-grade 只做表格，不运行",
        ),
    ),
    "not_yet": (
        Text("{id} is not passed yet, and {left} of its hints are left", "{id} 还没有通过，还有 {left} 条提示"),
        Text(
            "dojo learn hint, or --give-up, which your progress then says",
            "用 dojo learn hint，或加 --give-up（进度中会注明）",
        ),
    ),
    "no_exports": (
        Text("holds no progress files", "里面没有进度文件"),
        Text("collect what dojo learn export writes", "请收集 dojo learn export 写出的文件"),
    ),
    "one_too_many": (
        Text("{name} is one argument too many", "多了一个参数 {name}"),
        Text("see dojo learn --help", "见 dojo learn --help"),
    ),
    "one_missing": (
        Text("a folder of progress files is needed", "需要给出进度文件所在的文件夹"),
        Text("dojo learn gradebook FOLDER", "dojo learn gradebook 文件夹"),
    ),
    "no_browser": (
        Text("port {port} is taken", "端口 {port} 已被占用"),
        Text("give another --port", "请换一个 --port"),
    ),
}
_DID_YOU_MEAN = Text("did you mean {name}?", "是不是 {name}？")
_KNOWN = Text("dojo learn list shows all", "dojo learn list 列出全部")


class LearnError(DojoError):
    """What a learner can mend, in both languages; `speak` chooses the one that it is printed in."""

    def __init__(self, what: Text, where: str | None, todo: Text) -> None:
        super().__init__(what.en, where=where, todo=todo.en)
        self._what, self._todo = what, todo

    def speak(self, lang: str) -> LearnError:
        self.what, self.todo = self._what[lang], self._todo[lang]
        self.between = ("：", "；") if lang == "zh" else (": ", "; ")
        self.label = "错误：" if lang == "zh" else "error: "
        return self


def say(lang: str, name: str, /, **values: Any) -> str:
    return SAYS[name][lang].format(**values)


def refuse(name: str, /, *, where: str | None = None, **values: Any) -> LearnError:
    what, todo = REFUSALS[name]
    return LearnError(_filled(what, values), where, _filled(todo, values))


def unknown_lesson(name: str, known: Mapping[str, str]) -> LearnError:
    """With the nearest one: by id or verb, by an id without its number, by what a lesson asks for.

    Args:
        known: what may be typed -> id or verb.
    """
    guess = nearest(name, known)
    todo = _KNOWN if guess is None else _filled(_DID_YOU_MEAN, {"name": known[guess]})
    what, _ = REFUSALS["no_lesson"]
    return LearnError(_filled(what, {"name": name}), None, todo)


def ids_said(lang: str, ids: Iterable[str]) -> str:
    return ("、" if lang == "zh" else ", ").join(ids)


def _filled(text: Text, values: dict[str, Any]) -> Text:
    return Text(text.en.format(**values), text.zh.format(**values))
