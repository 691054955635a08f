// The page's words in Chinese and English, and which of them to use.

const WORDS = {
  zh: {
    title: "安防网关", connecting: "正在连接网关…", signIn: "登录", signOut: "退出", name: "用户名", password: "密码",
    signInLead: "值班登录", signInNote: "登录后方可查看和处理警情",
    sessionOver: "登录已失效，现在收不到报警。请立即重新登录。",
    sessionEnds: "登录将于 {time} 到期，到期后收不到报警，请提前重新登录。", signInAgain: "重新登录",
    alarms: "警情", devices: "设备", history: "历史", log: "登记", other: "English",
    waiting: "待确认", handling: "处理中", shelvedGroup: "已搁置",
    calm: "目前没有警情", calmNote: "系统正在值守，有报警时此处会立即显示",
    acknowledge: "确认", close: "关闭", shelve: "搁置", unshelve: "取消搁置", details: "详情", silence: "消音", silenced: "已消音",
    working: "正在提交…", cancel: "取消", done: "完成",
    stale: "与网关失去联系，画面不是实时的", staleNote: "以下内容停留在 {time}。正在自动重连，请同时查看现场设备。",
    notShown: "画面显示出错，警情可能不全", notShownNote: "显示停留在 {time}。正在自动重试；请换一台电脑或浏览器查看，并通知技术人员。",
    displaced: "此登录打开的页面过多，本页已停止更新", displacedNote: "显示停留在 {time}。请使用最新打开的页面，或关闭其他页面后刷新本页。",
    technical: "技术信息",
    soundBlocked: "浏览器阻止了声音，报警时听不到响声", soundOn: "启用声音", soundReady: "声音已启用", soundTest: "试听",
    live: "实时", notLive: "非实时",
    gatewayOk: "网关正常", gatewayBad: "网关异常", storageOk: "存储正常", storageMemory: "仅存于内存",
    storageNote: "存储故障：新记录只在内存中，断电会丢失。请通知技术人员。",
    clockOk: "时钟可信", clockBad: "时钟不可信", up: "已连接", down: "断开", unknownLink: "状态未知",
    pending: "待发 {n} 条", pendingSince: "最早 {age}", nothingPending: "无积压", platform: "上级平台",
    drill: "演练", drillNote: "这是演练，不是真实警情", notDurable: "未落盘：仅在内存中，断电会丢失",
    silentAlarm: "静默报警：不发声，请勿声张，直接核实并联系警方",
    again: "再次触发 {n} 次", againOnce: "再次触发 1 次", escalated: "已逐级上报 {n} 次", escalatedOnce: "已逐级上报 1 次", responsible: "负责人", since: "自 {time}", last: "最近一次 {time}",
    shelvedUntil: "搁置至 {time} · {who} · {reason}", acknowledgedBy: "{who} 于 {time} 确认", closedBy: "{who} 于 {time} 关闭",
    hintActive: "现场复位后可关闭", hintFault: "故障恢复后可关闭",
    closeTitle: "关闭警情", closeLead: "核实结论是什么？", noVerdict: "不填写", verdictNeeded: "请选择一个结论",
    shelveTitle: "搁置警情", shelveLead: "暂时搁置，到时自动恢复。警情不会消失。", howLong: "时长", reason: "原因", reasonHint: "例如：施工扬尘触发烟感，已安排看守",
    minutes: { 30: "30 分钟", 60: "1 小时", 240: "4 小时", 480: "8 小时", 1440: "24 小时" },
    notSent: "没有收到网关的答复，请以画面为准，必要时重试", acknowledgedOk: "已确认并保存", closedOk: "已关闭并保存",
    shelvedOk: "已搁置并保存", unshelvedOk: "已取消搁置", newAlarm: "新警情",
    noHistory: "还没有历史警情", older: "更早的记录", loading: "正在读取…", noDevices: "站点文件里没有设备", noLog: "还没有登记",
    open: "未关闭", points: "点位", camera: "摄像机", duration: "{n} 后确认", logNote: "谁在何时登录、查看或导出了录像", logAccount: "账号", logReason: "原因：{reason}", logEvidence: "警情{kind}",
    logReasons: { live: "实时画面", playback: "回放", snapshot: "当前画面" },
    startDrill: "开始演练", drillTitle: "开始演练", drillLead: "所选区域在此期间的报警都标为演练，上级平台不会出警。", everywhere: "全校", zone: "区域", drillStarted: "演练已开始，至 {time}",
    // zones, bypasses
    zones: "防区", arm: "布防", disarm: "撤防", armAnyway: "仍然布防", armedOk: "已布防并保存", disarmedOk: "已撤防并保存", comma: "、",
    zoneStates: { armed: "已布防", disarmed: "已撤防", leaving: "正在布防", entering: "有人进入" },
    enteringLead: "未撤防将报警，还剩", leavingLead: "请离开，还剩", enteringNote: "核实来人身份；是自己人就撤防，否则将报警。",
    armedBy: "{who} 于 {time} 布防", disarmedBy: "{who} 于 {time} 撤防", bySchedule: "时间表",
    scheduleNext: "时间表下次变更 {time}", scheduleNever: "时间表没有下次变更", scheduleWaits: "网关时钟不可信：时间表暂停执行，请手动布防和撤防。",
    openNow: "现在开着或触发：", armOpenLater: "有 {n} 个点位现在开着或触发。布防 {s} 秒后仍是这样就会报警。", armOpenNow: "有 {n} 个点位现在开着或触发，布防后立即报警。",
    disarmLead: "撤防后，此防区的入侵和门点位不再报警，直到再次布防。", noZones: "没有可布防的防区。",
    alwaysKinds: "一键报警、火警、烟感、温感、燃气、防拆和故障全天候值守，不能撤防。", always: "没有入侵和门点位的防区：{zones}。",
    bypass: "旁路", restore: "恢复", bypassed: "点位旁路中", isBypassed: "旁路中，不报警", bypassedOne: "1 个点位被旁路，不会报警", bypassedCount: "{n} 个点位被旁路，不会报警", more: "还有 {n} 个", look: "查看",
    bypassFacts: "至 {until} · {who} · {reason}", left: "剩余", restoredOk: "已恢复并保存", bypassedOk: "已旁路并保存，至 {time}",
    bypassTitle: "旁路点位", bypassLead: "旁路期间此点位不报警。到时自动恢复，也可以提前恢复。", bypassHint: "例如：窗户玻璃破损，已报修",
    silencedBy: "{who} 于 {time} 消音", silencedOk: "已消音，警情仍待处理", silencedHere: "只有本页消音：{reason}",
    // cameras
    cameras: "摄像机", noCameras: "站点文件里没有摄像机", allCameras: "全部摄像机", liveView: "实时画面", connectingLive: "正在连接实时画面…", liveDelay: "延迟 {age}", liveEnded: "实时画面已中断，正在重连", liveBlocked: "浏览器阻止了播放",
    pictureOf: "{age}前的画面", pictureOld: "不是实时画面：停在 {age}前", cannotPlay: "此浏览器不能播放该摄像机的视频编码，改为约每 2 秒刷新一次的画面。",
    recordingNow: "正在录像", notRecording: "没有在录像", neverRecorded: "不录像", timeline: "录像时间轴", recorded: "有录像", gap: "无录像：{cause}", noFootage: "这一天没有录像", footageFrom: "录像从 {from} 到 {to}",
    previousDay: "前一天", nextDay: "后一天", pickTime: "回放时刻", playFrom: "从此刻回放", playback: "回放", playbackOf: "回放 {time}", leftOut: "{from} 至 {to} 的录像画面规格不同，不在此片段中", preparing: "正在准备录像…", backToLive: "返回实时", earlier: "前 5 分钟", later: "后 5 分钟", notYet: "这个时间还没有录像",
    exportFootage: "导出录像", exportTitle: "导出录像", exportLead: "导出会登记您的姓名、时间和原因。", exportHint: "例如：配合派出所调查", exportNow: "导出",
    causes: { "camera": "摄像机故障", "network": "网络中断", "disk": "硬盘故障", "recorder": "录像程序中断", "clock": "时钟改变", "stopped": "网关停机", "given-up": "空间不足提前删除", "before": "网关开始记录之前", "unknown": "原因不明" },
    evidenceKinds: { "snapshot": "截图", "clip": "录像片段" }, evidenceWaiting: "正在制作", evidenceFailed: "没有做成：{reason}",
    // outputs, panels
    outputs: "声光输出", outputKinds: { sounder: "警号", strobe: "警灯", relay: "继电器" },
    outputStates: { on: "开启", off: "关闭", failed: "故障", testing: "测试中", unknown: "未知" },
    outputFailed: "无法控制，报警时可能不响不亮：请通知技术人员。", neverTested: "从未测试", testedWell: "上次测试 {time} 正常", testedBadly: "上次测试 {time} 失败", testDay: "每月 {n} 日自动测试",
    testOutput: "测试", testTitle: "测试输出", testBegun: "测试开始", testFailed: "测试没有成功",
    testLead: { sounder: "警号会真的响一会儿。请先告知附近人员。", strobe: "警灯会真的亮一会儿。请先告知附近人员。", relay: "继电器会真的动作一会儿。请先确认它所接的设备。" },
    commands: { "guard-check": "查岗", "read-state": "读取状态", "initialise": "初始化", "set-clock": "校时" },
    commandLeads: { "guard-check": "询问消防控制室是否有人值守。限时内无人应答会记录在案。", "initialise": "让此设备重新初始化。期间可能收不到它的报警。", "set-clock": "用网关的时间校准此设备的时钟。" },
    timeToAnswer: "应答时限", someMinutes: "{n} 分钟", sendCommand: "发出", sent: "已发出，结果将显示在此设备下",
    awaiting: "已发出，等待结果", toldBy: "{who} 于 {time} 发出",
    outcomes: {
      done: { "guard-check": "有人应答", "read-state": "已读取", "initialise": "设备已确认", "set-clock": "设备已确认" },
      failed: { "guard-check": "没有应答", "read-state": "没有读到", "initialise": "没有完成", "set-clock": "没有完成" },
    },
    person: "人员", when: "时间", what: "事项", note: "备注",
    kinds: {
      "panic": "一键报警", "duress": "胁迫报警", "fire": "火警", "smoke": "烟雾报警", "heat": "高温报警", "gas": "燃气泄漏",
      "intrusion": "入侵报警", "door": "门异常", "tamper": "防拆报警", "fault": "故障", "temperature": "温度异常", "humidity": "湿度异常",
      "device-lost": "设备失联", "bus-lost": "总线失联", "battery": "电池电量低", "clock": "时钟异常", "camera-covered": "摄像机被遮挡",
      "camera-black": "摄像机黑屏", "camera-bright": "摄像机画面过亮", "camera-blurred": "摄像机画面模糊", "camera-signal": "摄像机无视频信号",
      "camera-frozen": "摄像机画面冻结", "camera-moved": "摄像机移位", "retention-risk": "录像保存期限不足", "disk": "存储故障", "certificate": "证书将到期",
      "unparsed": "无法识别的报文", "unknown-sender": "未登记的设备在呼叫", "site-file": "站点文件错误", "point-untested": "按钮超期未测试", "recording-lost": "录像中断",
    },
    pointKinds: {
      "panic": "一键报警按钮", "duress": "胁迫报警按钮", "fire": "火警触点", "smoke": "烟雾探测", "heat": "温度探测", "gas": "燃气探测",
      "intrusion": "入侵探测", "door": "门", "tamper": "防拆", "fault": "故障触点", "temperature": "温度", "humidity": "湿度",
    },
    subjects: { gateway: "网关", console: "控制台" },
    severities: { critical: "紧急", high: "重要", medium: "一般", low: "提示" },
    seen: { no: "未确认", yes: "已确认" },
    place: { active: "现场仍在报警", back: "现场已恢复", faultActive: "故障仍在", faultBack: "故障已恢复", ready: "可以关闭", closed: "已关闭" },
    verdicts: { real: "真实", false: "误报", test: "测试", drill: "演练" },
    verdictNotes: { real: "确有险情", false: "无险情", test: "检测设备", drill: "预定演练" },
    presences: { online: "在线", offline: "离线", unknown: "未知" },
    steps: {
      raised: "报警", repeated: "再次触发", acknowledged: "确认", escalated: "逐级上报", returned: "现场恢复", closed: "关闭", shelved: "搁置", unshelved: "取消搁置", silenced: "消音",
      "snapshot": "抓拍完成", "clip": "录像片段完成",
      "online": "设备上线", "offline": "设备离线", "fault": "设备故障", "restored": "恢复", "reported": "设备上报", "commanded": "下达命令", "tested": "输出测试",
      "armed": "布防", "disarmed": "撤防", "bypassed": "旁路", "started": "网关启动", "stream-started": "上报序列开始", "clock-stepped": "时钟跳变",
      "degraded": "网关异常", "recovered": "网关恢复", "daily": "日报",
    },
    actions: { "view": "查看录像", "export": "导出录像", "sign-in": "登录", "sign-in-refused": "登录被拒", "accept-picture": "认可摄像机画面" },
    ages: { now: "刚刚", s: "{s} 秒", m: "{m} 分 {s} 秒", h: "{h} 小时 {m} 分", d: "{d} 天 {h} 小时", ago: "{age}前" },
    stop: " · ",
  },
  en: {
    title: "Safety gateway", connecting: "Connecting to the gateway…", signIn: "Sign in", signOut: "Sign out", name: "Name", password: "Password",
    signInLead: "Guard sign-in", signInNote: "Sign in to see and handle alarms",
    sessionOver: "Your session has ended: no alarm reaches you now. Sign in again at once.",
    sessionEnds: "Your session ends at {time}; no alarm reaches you after that. Sign in again before.", signInAgain: "Sign in again",
    alarms: "Alarms", devices: "Devices", history: "History", log: "Log", other: "中文",
    waiting: "To acknowledge", handling: "In hand", shelvedGroup: "Shelved",
    calm: "No alarms", calmNote: "The gateway is on watch; an alarm shows here at once",
    acknowledge: "Acknowledge", close: "Close", shelve: "Shelve", unshelve: "Unshelve", details: "Details", silence: "Silence", silenced: "Silenced",
    working: "Saving…", cancel: "Cancel", done: "Done",
    stale: "Contact with the gateway is lost: this screen is not live", staleNote: "What you see is of {time}. Reconnecting; watch the place itself meanwhile.",
    notShown: "This page failed to show what happened: alarms may be missing", notShownNote: "What you see is of {time}. Trying again; use another browser and call a technician.",
    displaced: "This sign-in has too many pages open: this one is no longer live", displacedNote: "What you see is of {time}. Use the page opened last, or close others and reload this one.",
    technical: "Technical",
    soundBlocked: "The browser blocks sound: you would not hear an alarm", soundOn: "Enable sound", soundReady: "Sound is on", soundTest: "Try it",
    live: "Live", notLive: "Not live",
    gatewayOk: "Gateway well", gatewayBad: "Gateway not well", storageOk: "Storage well", storageMemory: "In memory only",
    storageNote: "The disk fails: new records are in memory only, a power cut would lose them. Call a technician.",
    clockOk: "Clock trusted", clockBad: "Clock not trusted", up: "connected", down: "disconnected", unknownLink: "state unknown",
    pending: "{n} waiting", pendingSince: "oldest {age}", nothingPending: "nothing waiting", platform: "Platform",
    drill: "DRILL", drillNote: "This is a drill, not a real alarm", notDurable: "Not on disk: in memory only, a power cut would lose it",
    silentAlarm: "Silent alarm: no sound. Tell nobody nearby; verify and call the police",
    again: "pressed again {n} times", againOnce: "pressed again once", escalated: "escalated {n} times", escalatedOnce: "escalated once", responsible: "Responsible", since: "since {time}", last: "last at {time}",
    shelvedUntil: "Shelved until {time} · {who} · {reason}", acknowledgedBy: "acknowledged by {who} at {time}", closedBy: "closed by {who} at {time}",
    hintActive: "Close once it is reset", hintFault: "Close once it is repaired",
    closeTitle: "Close the alarm", closeLead: "What did you find?", noVerdict: "No verdict", verdictNeeded: "Choose a verdict",
    shelveTitle: "Shelve", shelveLead: "Set aside for a time; it comes back by itself. The alarm does not vanish.", howLong: "For how long", reason: "Reason", reasonHint: "e.g. building dust sets off the smoke detector; someone keeps watch",
    minutes: { 30: "30 minutes", 60: "1 hour", 240: "4 hours", 480: "8 hours", 1440: "24 hours" },
    notSent: "The gateway did not answer: trust the screen, try again if need be", acknowledgedOk: "Acknowledged and saved", closedOk: "Closed and saved",
    shelvedOk: "Shelved and saved", unshelvedOk: "No longer shelved", newAlarm: "New alarm",
    noHistory: "No alarms yet", older: "Older", loading: "Loading…", noDevices: "The site file has no devices", noLog: "Nothing yet",
    open: "open", points: "Points", camera: "Camera", duration: "acknowledged after {n}", logNote: "Who signed in, viewed or exported footage, and when", logAccount: "Account", logReason: "because of {reason}", logEvidence: "{kind} of an alarm",
    logReasons: { live: "live", playback: "playback", snapshot: "current picture" },
    startDrill: "Start a drill", drillTitle: "Start a drill", drillLead: "Alarms of that zone are marked as drill until it ends; the platform sends nobody.", everywhere: "Whole school", zone: "Zone", drillStarted: "The drill has begun, until {time}",
    // zones, bypasses
    zones: "Zones", arm: "Arm", disarm: "Disarm", armAnyway: "Arm all the same", armedOk: "Armed and saved", disarmedOk: "Disarmed and saved", comma: ", ",
    zoneStates: { armed: "Armed", disarmed: "Disarmed", leaving: "Arming", entering: "Somebody came in" },
    enteringLead: "an alarm unless disarmed within", leavingLead: "leave within", enteringNote: "Find out who it is: disarm if it is one of yours, else it becomes an alarm.",
    armedBy: "armed by {who} at {time}", disarmedBy: "disarmed by {who} at {time}", bySchedule: "the schedule",
    scheduleNext: "next change by schedule {time}", scheduleNever: "no change by schedule ahead", scheduleWaits: "The clock is not trusted, so schedules wait: arm and disarm by hand.",
    openNow: "Open or active now:", armOpenLater: "{n} open or active now. What still is after {s} s raises an alarm.", armOpenNow: "{n} open or active now: an alarm as soon as it is armed.",
    disarmLead: "Intrusion and door points of this zone raise no alarm until it is armed again.", noZones: "No zone can be armed.",
    alwaysKinds: "Panic, fire, smoke, heat, gas, tamper and fault watch round the clock and can't be disarmed.", always: "Zones without intrusion or door points – {zones}.",
    bypass: "Bypass", restore: "Restore", bypassed: "Points bypassed", isBypassed: "Bypassed: no alarm", bypassedOne: "1 point bypassed: it raises no alarm", bypassedCount: "{n} points bypassed: they raise no alarm", more: "and {n} more", look: "Show",
    bypassFacts: "until {until} · {who} · {reason}", left: "left:", restoredOk: "Restored and saved", bypassedOk: "Bypassed and saved, until {time}",
    bypassTitle: "Bypass a point", bypassLead: "The point raises no alarm for that time. It comes back by itself, or sooner by hand.", bypassHint: "e.g. window pane broken, repair ordered",
    silencedBy: "silenced by {who} at {time}", silencedOk: "Silenced; the alarms still wait for you", silencedHere: "Only this page is silenced – {reason}",
    // cameras
    cameras: "Cameras", noCameras: "The site file has no cameras", allCameras: "All cameras", liveView: "Live", connectingLive: "Connecting to the live picture…", liveDelay: "{age} behind", liveEnded: "The live picture broke off, connecting again", liveBlocked: "The browser does not let it play",
    pictureOf: "picture of {age} ago", pictureOld: "Not live: it stands still since {age}", cannotPlay: "This browser can't play this camera's video: shown are pictures, a new one about every 2 s.",
    recordingNow: "recording", notRecording: "not recording", neverRecorded: "not recorded", timeline: "Footage of the day", recorded: "recorded", gap: "not recorded – {cause}", noFootage: "No footage of this day", footageFrom: "Footage from {from} to {to}",
    previousDay: "Day before", nextDay: "Next day", pickTime: "Play from", playFrom: "Play from there", playback: "Playback", playbackOf: "Playback {time}", leftOut: "{from} to {to} has another picture size and is not in this clip", preparing: "Getting the footage…", backToLive: "Back to live", earlier: "5 min earlier", later: "5 min later", notYet: "There is no footage of that time yet",
    exportFootage: "Export", exportTitle: "Export footage", exportLead: "Your name, the time and the reason go on record.", exportHint: "e.g. for the police", exportNow: "Export",
    causes: { "camera": "camera fault", "network": "network lost", "disk": "disk fault", "recorder": "recorder died", "clock": "clock changed", "stopped": "gateway was off", "given-up": "deleted early for want of space", "before": "before the gateway's records begin", "unknown": "nobody knows why" },
    evidenceKinds: { "snapshot": "Picture", "clip": "Clip" }, evidenceWaiting: "being made", evidenceFailed: "not made – {reason}",
    // outputs, panels
    outputs: "Sounders, strobes, relays", outputKinds: { sounder: "sounder", strobe: "strobe", relay: "relay" },
    outputStates: { on: "on", off: "off", failed: "failed", testing: "in test", unknown: "unknown" },
    outputFailed: "It can't be switched and may stay off in an alarm: call a technician.", neverTested: "never tested", testedWell: "last test {time}: well", testedBadly: "last test {time}: failed", testDay: "tested by itself on day {n} of the month",
    testOutput: "Test", testTitle: "Test an output", testBegun: "The test has begun", testFailed: "The test failed",
    testLead: { sounder: "The sounder really sounds for a while. Tell those nearby first.", strobe: "The strobe really flashes for a while. Tell those nearby first.", relay: "The relay really switches for a while. Be sure of what hangs on it." },
    commands: { "guard-check": "Guard check", "read-state": "Read state", "initialise": "Initialise", "set-clock": "Set clock" },
    commandLeads: { "guard-check": "Asks whether somebody is in the fire control room. No answer in time goes on record.", "initialise": "The device initialises itself. Its alarms may be missed meanwhile.", "set-clock": "Sets the device's clock by the gateway's." },
    timeToAnswer: "Time to answer", someMinutes: "{n} minutes", sendCommand: "Send", sent: "Sent; what comes of it shows below the device",
    awaiting: "sent, waiting for the result", toldBy: "sent by {who} at {time}",
    outcomes: {
      done: { "guard-check": "somebody answered", "read-state": "read", "initialise": "confirmed", "set-clock": "confirmed" },
      failed: { "guard-check": "no answer", "read-state": "not read", "initialise": "not done", "set-clock": "not done" },
    },
    person: "Person", when: "When", what: "What", note: "Note",
    kinds: {
      "panic": "Panic button", "duress": "Duress", "fire": "Fire", "smoke": "Smoke", "heat": "Heat", "gas": "Gas leak",
      "intrusion": "Intrusion", "door": "Door", "tamper": "Tamper", "fault": "Fault", "temperature": "Temperature", "humidity": "Humidity",
      "device-lost": "Device lost", "bus-lost": "Bus lost", "battery": "Battery low", "clock": "Clock", "camera-covered": "Camera covered",
      "camera-black": "Camera black", "camera-bright": "Camera over-bright", "camera-blurred": "Camera blurred", "camera-signal": "Camera without signal",
      "camera-frozen": "Camera frozen", "camera-moved": "Camera moved", "retention-risk": "Footage kept too short", "disk": "Storage fault", "certificate": "Certificate expiring",
      "unparsed": "Message not understood", "unknown-sender": "Unknown device calls", "site-file": "Site file broken", "point-untested": "Button not tested", "recording-lost": "Recording lost",
    },
    pointKinds: {
      "panic": "Panic button", "duress": "Duress button", "fire": "Fire contact", "smoke": "Smoke detector", "heat": "Heat detector", "gas": "Gas detector",
      "intrusion": "Intrusion detector", "door": "Door", "tamper": "Tamper contact", "fault": "Fault contact", "temperature": "Temperature", "humidity": "Humidity",
    },
    subjects: { gateway: "Gateway", console: "Console" },
    severities: { critical: "Critical", high: "High", medium: "Medium", low: "Low" },
    seen: { no: "Not acknowledged", yes: "Acknowledged" },
    place: { active: "still in alarm", back: "back to normal", faultActive: "fault present", faultBack: "fault is gone", ready: "can be closed", closed: "closed" },
    verdicts: { real: "Real", false: "False", test: "Test", drill: "Drill" },
    verdictNotes: { real: "there was danger", false: "there was none", test: "equipment test", drill: "planned drill" },
    presences: { online: "online", offline: "offline", unknown: "unknown" },
    steps: {
      raised: "Raised", repeated: "Pressed again", acknowledged: "Acknowledged", escalated: "Escalated", returned: "Back to normal", closed: "Closed", shelved: "Shelved", unshelved: "Unshelved", silenced: "Silenced",
      "snapshot": "Picture taken", "clip": "Clip made",
      "online": "Device online", "offline": "Device offline", "fault": "Device fault", "restored": "Restored", "reported": "Device reported", "commanded": "Command given", "tested": "Output tested",
      "armed": "Armed", "disarmed": "Disarmed", "bypassed": "Bypassed", "started": "Gateway started", "stream-started": "Stream to the platform began", "clock-stepped": "Clock stepped",
      "degraded": "Gateway not well", "recovered": "Gateway well again", "daily": "Daily report",
    },
    actions: { "view": "viewed footage", "export": "exported footage", "sign-in": "signed in", "sign-in-refused": "sign-in refused", "accept-picture": "accepted a camera's picture" },
    ages: { now: "just now", s: "{s} s", m: "{m} min {s} s", h: "{h} h {m} min", d: "{d} d {h} h", ago: "{age} ago" },
    stop: " · ",
  },
};

const KEY = "campus-language";

function chosen() {
  const asked = new URLSearchParams(location.search).get("lang");
  const wanted = [asked, localStorage.getItem(KEY), ...navigator.languages];
  for (const tag of wanted) {
    if (tag && tag.startsWith("zh")) return "zh";
    if (tag && tag.startsWith("en")) return "en";
  }
  return "zh";
}

export const language = chosen();
export const words = WORDS[language];

/** What a point is, as against the alarm it raises. */
export const pointKind = (kind) => words.pointKinds[kind] ?? words.kinds[kind] ?? kind ?? "";

/** Fill `{name}` places of a text. */
export function say(text, facts = {}) {
  return text.replace(/\{(\w+)\}/g, (_, name) => String(facts[name] ?? ""));
}

/** Go on in the other language. */
export function switchLanguage() {
  const other = language === "zh" ? "en" : "zh";
  localStorage.setItem(KEY, other);
  const url = new URL(location.href);
  url.searchParams.set("lang", other);
  location.replace(url);
}
