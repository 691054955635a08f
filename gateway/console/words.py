"""What guards are told in words, in Chinese and English: the console's refusals and faults, by code."""

import os
from collections.abc import Mapping
from typing import Literal

Language = Literal["zh", "en"]

#: code -> (中文, English). Codes of refused acts are those of `gateway.errors.ActRefused.code`.
_MESSAGES: dict[str, tuple[str, str]] = {
    # who you are
    "not-signed-in": ("请先登录", "Sign in first."),
    "sign-in-refused": ("用户名或密码不正确", "The name or the password is wrong."),
    "too-many-attempts": (
        "登录失败次数过多，请等待 {seconds} 秒后再试",
        "Too many failed sign-ins: try again in {seconds} seconds.",
    ),
    "csrf": (
        "缺少或无效的 X-CSRF-Token，请刷新页面后重试",
        "The X-CSRF-Token header is missing or wrong: reload the page and try again.",
    ),
    "forbidden": ("您的账号没有此项权限", "Your account may not do this."),
    # what was asked
    "bad-request": ("请求内容有误：{detail}", "The request is not well formed: {detail}"),
    "too-large": ("请求内容过大", "The request is too large."),
    "too-slow": ("请求超时", "The request took too long to arrive."),
    "not-found": ("没有找到：{detail}", "Not found: {detail}"),
    "no-such-page": ("没有这个地址", "There is nothing at this address."),
    "wrong-method": ("此地址不接受这种请求方法", "This address does not take that method."),
    # what the gateway can't do just now
    "journal-unavailable": (
        "网关暂时无法写入记录，操作没有生效，请重试",
        "The gateway can't write its journal just now: nothing was done, try again.",
    ),
    "no-answer-in-time": (
        "网关没有及时完成，操作结果未知，请以画面为准",
        "The gateway did not finish in time; whether it was done is not known: trust the screen.",
    ),
    "too-many-clients": (
        "同时打开的控制台过多，请关闭其他页面",
        "Too many consoles are open: close another one.",
    ),
    # footage
    "not-recorded": (
        "该摄像机现在没有录像，看不到实时画面",
        "This camera is not being recorded just now: there is no live picture.",
    ),
    "too-many-viewers": (
        "同时观看实时画面的人过多，请稍后再试",
        "Too many watch live just now: try again later.",
    ),
    "no-picture": (
        "现在没有该摄像机的画面{detail}",
        "There is no picture of this camera just now{detail}.",
    ),
    "footage-unavailable": ("现在读不到录像：{detail}", "Footage can't be read just now: {detail}"),
    "nothing-recorded": ("这段时间没有录像", "Nothing was recorded in that time."),
    "footage-unusable": ("这段录像无法使用：{detail}", "This footage can't be used: {detail}"),
    "not-yet": ("所选时间还没有到", "That time has not come yet."),
    "export-reason": (
        "导出录像或播放超过 10 分钟，必须填写原因（至少 2 个字）",
        "To export footage, or to play more than 10 minutes, give a reason of 2 characters or more.",
    ),
    "no-clips": ("网关现在不能制作录像片段", "The gateway can't make clips just now."),
    "no-clip-now": (
        "录像片段没有做成（{detail}），请重试",
        "The clip could not be made ({detail}): try again.",
    ),
    "clip-in-the-making": (
        "正在制作录像片段，请稍候",
        "The clip is being made: ask again in a moment.",
    ),
    "too-many-clips": (
        "正在制作的录像片段过多，请稍后再试",
        "Too many clips are being made: try again later.",
    ),
    "clip-too-large": (
        "这段录像太大，请缩短时间",
        "That is too much footage at once: choose a shorter time.",
    ),
    "no-room-for-clips": ("磁盘空间不足，无法制作录像片段", "There is no room on the disk for a clip."),
    "evidence-waiting": ("证据还在制作中", "This evidence is still being made."),
    "evidence-failed": ("证据没有做成：{detail}", "This evidence could not be made: {detail}"),
    "evidence-gone": ("证据文件已不存在", "The file of this evidence is gone."),
    "internal": ("网关内部错误，已记入日志", "Something went wrong inside the gateway; it is in the log."),
    # refused acts
    "closed": ("该警情已经关闭", "This alarm is already closed."),
    "already-acknowledged": ("该警情已经被确认", "This alarm is already acknowledged."),
    "not-acknowledged": ("请先确认，再关闭", "Acknowledge it first, then close it."),
    "still-active": (
        "现场仍在报警：请先复位按钮或排除故障，再关闭",
        "The place is still in alarm: release or repair it, then close.",
    ),
    "verdict-needed": (
        "紧急和重要警情必须填写处置结论：真实、误报或测试",
        "A critical or high alarm is closed with a verdict: real, false or test.",
    ),
    "not-a-drill": (
        "该警情不是演练，请选择真实、误报或测试",
        "This alarm was not part of a drill: close it as real, false or test.",
    ),
    "never-shelved": (
        "紧急报警、胁迫报警和火警不允许搁置",
        "Panic, duress and fire alarms can't be shelved.",
    ),
    "reason-needed": (
        "必须填写原因（1 至 500 字）",
        "A reason of 1 to 500 characters is needed.",
    ),
    "shelve-too-long": ("警情搁置最长 24 小时", "An alarm is shelved for 24 hours at most."),
    "not-shelved": ("该警情没有被搁置", "This alarm is not shelved."),
    "command-unknown": ("该设备不接受这个命令", "This device can't be told that."),
    "device-busy": (
        "该设备正在执行上一个命令，请稍候",
        "This device is still busy with a command: wait for it.",
    ),
    "outputs-down": (
        "声光输出服务正在启动，请稍后再试",
        "The outputs are not served just now: try again in a moment.",
    ),
    "output-testing": ("该输出正在测试", "This output is being tested already."),
    "output-in-use": (
        "有未关闭的警情，此输出现在不能测试",
        "There is an open alarm: this output can't be tested just now.",
    ),
    "already-armed": ("该防区已经布防", "This zone is armed already."),
    "already-disarmed": ("该防区已经撤防", "This zone is disarmed already."),
    "entry-under-way": (
        "有人正在进入该防区，请稍候",
        "Somebody is entering this zone: wait for it to end.",
    ),
    "never-bypassed": (
        "紧急报警、胁迫报警和火警的报警点不允许旁路",
        "A panic, duress or fire point can't be bypassed.",
    ),
    "bypass-too-long": ("报警点旁路最长 24 小时", "A point is bypassed for 24 hours at most."),
    "not-bypassed": ("该报警点没有被旁路", "This point is not bypassed."),
    "password-length": ("密码为 8 至 1024 个字符", "A password has 8 to 1024 characters."),
}


def language_of(accept_language: str | None) -> Language:
    """The language to answer in: the first of `Accept-Language` that we speak, else by `LANG`, else Chinese."""
    for tag in _by_preference(accept_language or ""):
        if tag.startswith("zh"):
            return "zh"
        if tag.startswith("en"):
            return "en"
    lang = os.environ.get("LANG", "")
    return "en" if lang.startswith("en") else "zh"


def message(code: str, language: Language, facts: Mapping[str, object], fallback: str = "") -> str:
    """The words for a code; `fallback` where the catalogue has none."""
    words = _MESSAGES.get(code)
    if words is None:
        return fallback or code
    return words[0 if language == "zh" else 1].format_map(facts)


def _by_preference(accept_language: str) -> list[str]:
    weighed: list[tuple[float, str]] = []
    for item in accept_language[:200].split(","):
        tag, _, quality = item.strip().lower().partition(";q=")
        try:
            weighed.append((float(quality) if quality else 1.0, tag))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(weighed, key=lambda pair: -pair[0]) if weight > 0]
