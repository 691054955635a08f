"""What the commands say, in Chinese and in English by LANG; a test holds both complete."""

import os
from typing import Literal

Language = Literal["zh", "en"]

_WORDS: dict[str, dict[Language, str]] = {
    "check-ok": {"zh": "{path}：可以使用", "en": "{path}: can be used"},
    "check-bad": {
        "zh": "{path}：有 {count} 处问题，尚不能使用",
        "en": "{path}: can't be used yet; problems: {count}",
    },
    "check-summary": {
        "zh": "{zones} 个区域，{devices} 台设备，{points} 个报警点，{cameras} 路摄像机，{uplinks} 个上级平台",
        "en": "zones: {zones}, devices: {devices}, points: {points}, cameras: {cameras}, destinations: {uplinks}",
    },
    "check-no-uplink": {
        "zh": "注意：没有 [[uplink]]，报警不会上报任何平台",
        "en": "note: there is no [[uplink]]: no platform will hear of an alarm",
    },
    "check-no-camera": {
        "zh": "注意：报警点 {point} 没有摄像机可看，报警时不会留存录像",
        "en": "note: no camera sees point {point}: its alarms will hold no footage",
    },
    "site-refused": {
        "zh": "站点文件不能使用，网关没有启动；先运行 campus-gateway check {path}",
        "en": "the site file can't be used and the gateway did not start; run campus-gateway check {path}",
    },
    "site-last-good": {
        "zh": "站点文件有错，改用上一份正确的文件继续运行：{path}",
        "en": "the site file is bad: going on with the last good one, {path}",
    },
    "already-running": {
        "zh": "{path} 已被另一个网关进程使用；先停止它",
        "en": "another gateway is using {path}; stop it first",
    },
    "fsck-no-journal": {
        "zh": "{journal} 处没有日志库；先运行一次网关：campus-gateway run {path}",
        "en": "there is no journal at {journal}; run the gateway once: campus-gateway run {path}",
    },
    "fsck-clean": {"zh": "没有发现问题", "en": "nothing is wrong"},
    "fsck-found": {"zh": "发现 {count} 处问题", "en": "{count} findings"},
    "fsck-repaired": {"zh": "已修复：{text}", "en": "repaired: {text}"},
    "probe-good": {"zh": "正常", "en": "ok  "},
    "probe-bad": {"zh": "异常", "en": "FAIL"},
    "probe-unknown": {
        "zh": "站点文件中没有设备或总线 {device}；有：{known}",
        "en": "the site file has no device or bus {device}; it has: {known}",
    },
    "probe-cannot": {"zh": "驱动 {driver} 不能探测", "en": "driver {driver} can't probe"},
    "probe-too-long": {
        "zh": "{seconds} 秒内没有探测完",
        "en": "the probe did not end within {seconds} s",
    },
    "probe-rtsp-sends": {
        "zh": "有画面：{codec}，{width} x {height}，每秒 {rate} 帧，{first} 秒后出第一帧",
        "en": "sends {codec}, {width} x {height}, {rate} pictures a second; the first after {first} s",
    },
    "probe-rtsp-codec": {
        "zh": "编码是 {codec}（{width} x {height}，每秒 {rate} 帧），不能录像：请在摄像机上改为 H.264 或 H.265",
        "en": "sends {codec} ({width} x {height}, {rate} pictures a second), which can't be recorded: "
        "set the camera to H.264 or H.265",
    },
    "probe-rtsp-password": {
        "zh": "拒绝用户名或密码：核对 username 和 password_file",
        "en": "refuses the user name or the password: see `username` and `password_file`",
    },
    "probe-rtsp-no-stream": {
        "zh": "没有这个地址的码流：核对 url 的路径",
        "en": "has no stream of that address: see the path of `url`",
    },
    "probe-rtsp-refused": {
        "zh": "{where} 有应答，但不给这个码流（{why}）：核对 url",
        "en": "{where} answers, but gives no video at that address ({why}): see `url`",
    },
    "probe-rtsp-no-video": {
        "zh": "码流里没有视频：核对 url",
        "en": "the stream has no video: see `url`",
    },
    "probe-rtsp-no-picture": {
        "zh": "码流能打开，但没有画面",
        "en": "the stream can be opened, but no picture comes",
    },
    "probe-rtsp-mute": {
        "zh": "{where} 没有应答：查电源、网线、地址和端口",
        "en": "{where} does not answer: see power, cable, address and port",
    },
    "probe-rtsp-silent": {
        "zh": "{where} 在 {seconds} 秒内没有给出画面",
        "en": "{where} did not come to a picture within {seconds} s",
    },
    "probe-rtsp-unreachable": {
        "zh": "连不上 {where}（{why}）：查电源、网线、地址和端口",
        "en": "{where} can't be reached ({why}): see power, cable, address and port",
    },
    "probe-rtsp-nonsense": {
        "zh": "{where} 的应答不是能看懂的 RTSP 或视频（{why}）：核对端口",
        "en": "{where} does not talk sense ({why}): is that the port of RTSP?",
    },
    "probe-rtsp-died": {
        "zh": "{where} 的码流使探测进程意外结束（{why}）",
        "en": "what {where} sends has ended the process that looked at it ({why})",
    },
    "probe-well": {"zh": "全部正常", "en": "all is well"},
    "probe-found": {"zh": "{count} 处异常", "en": "not well: {count}"},
    "user-added": {"zh": "已添加账号 {name}", "en": "account {name} was added"},
    "user-changed": {"zh": "账号 {name} 的密码已更改", "en": "the password of {name} was changed"},
    "user-disabled": {"zh": "账号 {name} 已停用", "en": "account {name} was disabled"},
    "user-unknown": {
        "zh": "没有账号 {name}；用 users … list 查看",
        "en": "there is no account {name}; see users … list",
    },
    "user-exists": {
        "zh": "账号 {name} 已存在；用 users … passwd 更改密码",
        "en": "account {name} exists; use users … passwd to change its password",
    },
    "user-none": {"zh": "还没有账号", "en": "there are no accounts yet"},
    "user-disabled-mark": {"zh": "已停用", "en": "disabled"},
    "demo-needs": {
        "zh": "demo 还需要 {name}：pip install 'campus-gateway[demo]'，或在源码目录用 make demo",
        "en": "the demo needs {name} as well: pip install 'campus-gateway[demo]', or make demo in a checkout",
    },
    "password": {"zh": "密码：", "en": "Password: "},
    "password-again": {"zh": "再次输入：", "en": "Again: "},
    "password-none": {
        "zh": "没有终端可输入密码；请用 --password-file 文件（或 /dev/stdin）",
        "en": "there is no terminal to type a password; use --password-file FILE (or /dev/stdin)",
    },
    "password-unreadable": {
        "zh": "密码文件 {path} 读不出来：{why}",
        "en": "the password file {path} can't be read: {why}",
    },
    "password-differs": {"zh": "两次输入不同", "en": "the two differ"},
}


def language() -> Language:
    """The language of the environment; English unless it asks for Chinese."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def say(key: str, **values: object) -> str:
    """A sentence in the language of the environment."""
    return _WORDS[key][language()].format(**values)
