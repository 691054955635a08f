"""What the demo says, in Chinese and in English; a test holds both complete."""

from collections.abc import Mapping
from typing import Final, Literal

Language = Literal["zh", "en"]

_WORDS: Final[Mapping[str, Mapping[Language, str]]] = {
    # ---- the scripted day
    "step-start": {
        "zh": "启动：学校、网关和县平台",
        "en": "start: the school, its gateway and its county",
    },
    "step-press": {
        "zh": "有人按下门卫室按钮；县平台收到摄像机快照",
        "en": "somebody presses the button in the gatehouse; the county gets the camera's snapshot",
    },
    "step-close": {
        "zh": "门卫在控制台确认并关闭警情",
        "en": "the guard acknowledges and closes the alarm on the console",
    },
    "step-fire": {
        "zh": "消防主机报火警，警号响；门卫消音，消防主机复位",
        "en": "the fire panel reports a fire, the sounder sounds; the guard silences it, the panel is reset",
    },
    "step-clip": {
        "zh": "按按钮前后的录像片段已剪好并通知县平台",
        "en": "the clip around that press is cut, and the county is told",
    },
    "step-cut": {"zh": "到县平台的线路被切断", "en": "the link to the county is cut"},
    "step-blind": {
        "zh": "断线期间：三次按钮、一次烟雾",
        "en": "while it is down: three presses and a smoke alarm",
    },
    "step-back": {
        "zh": "线路恢复，积压的事件全部送达",
        "en": "the link is back, and everything that waited arrives",
    },
    "step-camera": {"zh": "摄像机断电，又恢复", "en": "the camera loses its power and returns"},
    "step-kill": {
        "zh": "警情当中网关进程被 SIGKILL 杀死；死时又有人按按钮；重新启动",
        "en": "in mid-alarm the gateway is killed with SIGKILL; a press while it is dead; it starts again",
    },
    "step-retention": {
        "zh": "录像保存期限：91 天前的录像已删除，封存的那段还在",
        "en": "retention: footage of 91 days ago is gone, but for the held segment",
    },
    "step-free": {
        "zh": "学校交给您了：按键试试，到控制台处理警情",
        "en": "the school is yours: press keys, and answer the alarms on the console",
    },
    "step-verify": {"zh": "核对每一个事件", "en": "every event is checked"},
    # ---- what is told on the way
    "console": {
        "zh": "控制台 {address}  用户 {name}  密码 {password}",
        "en": "console {address}  user {name}  password {password}",
    },
    "setting-up": {
        "zh": "正在准备：渲染 91 天前的录像、启动各部分……",
        "en": "setting up: rendering footage of 91 days ago, starting everything …",
    },
    "step-done": {"zh": "✓ {step}（{seconds} 秒）", "en": "✓ {step} ({seconds} s)"},
    "step-failed": {"zh": "✗ {step}：{why}", "en": "✗ {step}: {why}"},
    "held-there": {"zh": "在", "en": "there"},
    "held-gone": {"zh": "不在了", "en": "gone"},
    "picture": {
        "zh": "今天的录像可以播放，画面里的时钟是 {time} UTC",
        "en": "today's footage can be played; the clock in its picture says {time} UTC",
    },
    "snapshot-seen": {
        "zh": "县平台收到快照（{size}），按下后 {seconds} 秒",
        "en": "the county has the snapshot ({size}), {seconds} s after the press",
    },
    "clip-seen": {
        "zh": "片段完整（{size}），SHA-256 相符，第一帧的时钟是 {time} UTC",
        "en": "the clip is whole ({size}), its SHA-256 is right; the clock in its first picture says {time} UTC",
    },
    "sounder-on": {"zh": "警号在响", "en": "the sounder is on"},
    "sounder-off": {
        "zh": "已消音：警号停了，警情仍未确认",
        "en": "silenced (消音): the sounder is off, the alarm is still to be acknowledged",
    },
    "killed": {
        "zh": "网关进程 {pid} 已被 SIGKILL 杀死",
        "en": "the gateway, process {pid}, was killed with SIGKILL",
    },
    "restarted": {"zh": "网关重新启动，进程 {pid}", "en": "the gateway has started again, process {pid}"},
    "taken-over": {"zh": "脚本停止，由您操作", "en": "the script stops: it is your turn"},
    "no-terminal": {
        "zh": "没有终端，逐行显示；Ctrl-C 结束",
        "en": "no terminal: plain lines; Ctrl-C ends it",
    },
    "interrupted": {"zh": "已中断，没有核对", "en": "interrupted: nothing was checked"},
    "all-well": {
        "zh": "全部正确：{events} 个事件都已到达县平台并有回执，没有缺号，没有违反协议",
        "en": "all is well: {events} events reached the county and have their receipt, no gap, no violation",
    },
    "not-well": {"zh": "缺少 {count} 项：", "en": "missing or wrong: {count}"},
    "timeline-written": {"zh": "时间线已写入 {path}", "en": "the timeline is in {path}"},
    "kept": {
        "zh": "现场保留在 {path}（网关日志等）",
        "en": "everything is kept in {path} (the gateway's log and more)",
    },
    # ---- what can be missing
    "miss-step": {"zh": "没有完成：{step}：{why}", "en": "not done: {step}: {why}"},
    "miss-not-begun": {"zh": "没有开始：{step}", "en": "not begun: {step}"},
    "miss-press": {
        "zh": "{time} 按下 {point}，县平台没有收到事件",
        "en": "{point} was pressed at {time}, and the county has no event of it",
    },
    "miss-event": {
        "zh": "日志里的事件 {sequence}（{type}，{subject}）没有到达县平台",
        "en": "event {sequence} of the journal ({type}, {subject}) never reached the county",
    },
    "miss-receipt": {
        "zh": "事件 {sequence}（{type}，{subject}）没有回执",
        "en": "there is no receipt for event {sequence} ({type}, {subject})",
    },
    "miss-gap": {"zh": "县平台缺号 {first} 到 {last}", "en": "the county has no numbers {first} to {last}"},
    "miss-violation": {"zh": "违反协议：{rule}：{detail}", "en": "the contract was broken: {rule}: {detail}"},
    "miss-stream": {
        "zh": "出现了 {count} 个事件流，应为 1 个",
        "en": "there are {count} streams of events where 1 is right",
    },
    "miss-expired": {"zh": "{file} 超过期限仍未删除", "en": "{file} is beyond its time and was not deleted"},
    "miss-held": {"zh": "{file} 已封存却不在了", "en": "{file} was held and is gone"},
    "miss-snapshot": {
        "zh": "快照 {evidence} 已通知县平台，但图片没有到达",
        "en": "the county was told of snapshot {evidence} and has not got it",
    },
    "miss-recorded": {"zh": "今天没有录下任何录像", "en": "nothing was recorded today"},
    "miss-invariant": {"zh": "数据不一致：{finding}", "en": "the store is not consistent: {finding}"},
    "miss-exit": {
        "zh": "网关没有正常结束，退出码 {code}",
        "en": "the gateway did not end in order: exit code {code}",
    },
    "miss-died": {
        "zh": "网关自己退出了，退出码 {code}",
        "en": "the gateway ended by itself with exit code {code}",
    },
    "miss-time": {"zh": "{seconds} 秒内没有完成", "en": "it was not done within {seconds} s"},
    # ---- why a step was not done
    "why-event": {
        "zh": "{seconds} 秒内县平台没有收到 {type}（{subject}）",
        "en": "the county has heard of no {type} of {subject} within {seconds} s",
    },
    "why-receipt": {
        "zh": "县平台有事件 {sequence}，但 {seconds} 秒内没有回执",
        "en": "the county has event {sequence}, but there is no receipt within {seconds} s",
    },
    "why-console": {
        "zh": "{seconds} 秒内控制台没有显示：{what}",
        "en": "the console does not show within {seconds} s: {what}",
    },
    "why-early": {
        "zh": "线路已断，县平台却收到了 {type}",
        "en": "the link is cut, and yet the county has {type}",
    },
    "why-state": {
        "zh": "{seconds} 秒内县平台没有得知网关已离线",
        "en": "the county has not heard within {seconds} s that the gateway is gone",
    },
    "why-quiet": {
        "zh": "{seconds} 秒内警号没有响",
        "en": "the sounder does not sound within {seconds} s",
    },
    "why-sounding": {
        "zh": "消音后 {seconds} 秒警号仍在响",
        "en": "the sounder has been silenced and sounds still after {seconds} s",
    },
    "why-again": {
        "zh": "重启后 {point} 的警情变成了另一条",
        "en": "after the restart the alarm of {point} is another one",
    },
    "why-expired": {
        "zh": "{seconds} 秒内没有删完过期录像",
        "en": "footage beyond its time is there still after {seconds} s",
    },
    "why-recovered": {
        "zh": "{seconds} 秒后，网关被杀前的录像仍缺 3 秒以上",
        "en": "more than 3 s of footage from before the kill is missing still after {seconds} s",
    },
    "why-film": {
        "zh": "{seconds} 秒内没有开始录像",
        "en": "nothing is being recorded after {seconds} s",
    },
    "why-snapshot": {
        "zh": "{seconds} 秒内县平台没有收到快照图片",
        "en": "the county has not got the snapshot's picture within {seconds} s",
    },
    "why-open": {"zh": "还有警情没有关闭：{name}", "en": "an alarm is open that nobody caused: {name}"},
    "why-picture": {
        "zh": "{file} 的画面时钟不对：{shown}",
        "en": "the clock in the picture of {file} is not right: {shown}",
    },
    # ---- what is in the way
    "no-stage": {"zh": "demo 无法准备：{why}", "en": "the demo can't be set up: {why}"},
    # ---- the screen
    "title": {"zh": "校园安全网关 演示", "en": "Campus safety gateway: demo"},
    "col-time": {"zh": "时间", "en": "time"},
    "col-what": {"zh": "事件", "en": "what"},
    "col-disk": {"zh": "入库", "en": "on disk"},
    "col-sent": {"zh": "发出", "en": "sent"},
    "col-county": {"zh": "县平台", "en": "county"},
    "col-receipt": {"zh": "回执", "en": "receipt"},
    "waiting": {"zh": "等待", "en": "waits"},
    "link": {"zh": "线路", "en": "link"},
    "link-up": {"zh": "通", "en": "up"},
    "link-down": {"zh": "断", "en": "cut"},
    "backlog": {"zh": "待送 {count}", "en": "{count} waiting"},
    "gateway": {"zh": "网关", "en": "gateway"},
    "gateway-runs": {"zh": "运行中，进程 {pid}", "en": "running, process {pid}"},
    "gateway-dead": {"zh": "已死", "en": "dead"},
    "alarms": {"zh": "未关闭警情 {count}", "en": "open alarms: {count}"},
    "alarms-sounding": {
        "zh": "未关闭警情 {count}，警号在响",
        "en": "open alarms: {count}, sounder on",
    },
    "county": {"zh": "县平台", "en": "county"},
    "county-has": {
        "zh": "收到 {count} 个事件，缺号 {gaps}，快照 {snapshots}，片段 {clips}",
        "en": "events: {count}, gaps: {gaps}, snapshots: {snapshots}, clips: {clips}",
    },
    "footage": {"zh": "录像", "en": "footage"},
    "footage-now": {
        "zh": "今天 {recorded} 段；91 天前的应删 {left}，封存 {held}",
        "en": "{recorded} today; of 91 days ago {left} to go, held one {held}",
    },
    "presence-online": {"zh": "在线", "en": "online"},
    "presence-offline": {"zh": "离线", "en": "offline"},
    "presence-unknown": {"zh": "未知", "en": "unknown"},
    "keys": {
        "zh": "b 按门卫室按钮  s 烟雾  f 火警/复位  l 断开/接通线路  c 摄像机电源  k 杀死网关  q 结束",
        "en": "b press button  s smoke  f fire/reset  l link  c camera  k kill gateway  q quit",
    },
    # ---- events, by type
    "campus.alarm.raised.v1": {"zh": "报警", "en": "alarm"},
    "campus.alarm.repeated.v1": {"zh": "再次报警", "en": "alarm again"},
    "campus.alarm.acknowledged.v1": {"zh": "已确认", "en": "acknowledged"},
    "campus.alarm.silenced.v1": {"zh": "已消音", "en": "silenced"},
    "campus.alarm.escalated.v1": {"zh": "升级", "en": "escalated"},
    "campus.alarm.returned.v1": {"zh": "恢复", "en": "back to normal"},
    "campus.alarm.closed.v1": {"zh": "已关闭", "en": "closed"},
    "campus.alarm.shelved.v1": {"zh": "搁置", "en": "shelved"},
    "campus.alarm.unshelved.v1": {"zh": "取消搁置", "en": "unshelved"},
    "campus.device.online.v1": {"zh": "上线", "en": "online"},
    "campus.device.offline.v1": {"zh": "离线", "en": "offline"},
    "campus.device.fault.v1": {"zh": "故障", "en": "fault"},
    "campus.device.restored.v1": {"zh": "故障恢复", "en": "restored"},
    "campus.device.reported.v1": {"zh": "设备消息", "en": "reported"},
    "campus.device.commanded.v1": {"zh": "设备命令", "en": "commanded"},
    "campus.output.tested.v1": {"zh": "输出测试", "en": "output tested"},
    "campus.zone.armed.v1": {"zh": "布防", "en": "armed"},
    "campus.zone.disarmed.v1": {"zh": "撤防", "en": "disarmed"},
    "campus.point.bypassed.v1": {"zh": "旁路", "en": "bypassed"},
    "campus.point.restored.v1": {"zh": "取消旁路", "en": "bypass ended"},
    "campus.gateway.stream-started.v1": {"zh": "新事件流", "en": "stream begins"},
    "campus.gateway.started.v1": {"zh": "启动", "en": "started"},
    "campus.gateway.clock-stepped.v1": {"zh": "时钟跳变", "en": "clock stepped"},
    "campus.gateway.degraded.v1": {"zh": "降级", "en": "degraded"},
    "campus.gateway.recovered.v1": {"zh": "恢复正常", "en": "recovered"},
    "campus.evidence.snapshot.v1": {"zh": "快照", "en": "snapshot"},
    "campus.evidence.clip.v1": {"zh": "录像片段", "en": "clip"},
    "campus.report.daily.v1": {"zh": "日报", "en": "daily report"},
    "pressed": {"zh": "按下", "en": "pressed"},
}


class Words:
    """The catalogue in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, key: str, **values: object) -> str:
        """A sentence; values fill its braces. An event type that has no words is its own name."""
        if key not in _WORDS and key.startswith("campus."):
            return key
        return _WORDS[key][self.language].format(**values)


def keys() -> tuple[str, ...]:
    """Every key there is."""
    return tuple(_WORDS)


def both(key: str) -> Mapping[Language, str]:
    """A sentence in both languages, its braces empty."""
    return _WORDS[key]
