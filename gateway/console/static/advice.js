// What each alarm, lost device or ailing part means and what to do about it, in plain words for guards, by kind and code.
// What the lower layers say is for technicians: it stands below, small.

import { el } from "./dom.js";
import { language, words } from "./words.js";

const ADVICE = {
  zh: {
    kinds: {
      "panic": "有人按下了求助按钮：立即核实并前往现场。",
      "duress": "有人受到胁迫：不要声张，直接核实并报警。",
      "fire": "火灾报警：立即核实，组织疏散，拨打 119。",
      "smoke": "烟感报警：立即到现场查看，有火情即疏散并拨打 119。",
      "heat": "温感报警：立即到现场查看是否起火。",
      "gas": "燃气泄漏：不要开关电器，关阀、通风、疏散人员。",
      "intrusion": "有人闯入：查看画面，前往现场时注意自身安全。",
      "door": "门的状态异常：到现场查看门是否关好。",
      "tamper": "设备被拆动：到现场查看是否有人破坏。",
      "fault": "设备或网关的某个部分出现故障，可能收不到它的报警：请通知技术人员，期间加强巡查。",
      "temperature": "温度超出范围：到现场查看。",
      "humidity": "湿度超出范围：到现场查看。",
      "device-lost": "设备没有应答，现在收不到它的报警：检查电源、线路和地址，期间加强巡查。",
      "bus-lost": "整条总线没有应答，上面的设备都收不到报警：检查总线线路、转换器和电源，期间加强巡查。",
      "battery": "电池电量低：请尽快更换电池。",
      "clock": "网关时钟不可信，记录的时间可能不准：检查校时服务器和网络。报警照常接收。",
      "camera-covered": "摄像机画面被遮挡：到现场清除遮挡物，查看是否有人破坏。",
      "camera-frozen": "摄像机画面停住不动：重启摄像机，不行就通知技术人员。",
      "camera-moved": "摄像机被移动，拍不到原来的位置：到现场调回原位。",
      "camera-black": "摄像机画面全黑：查看现场是否断了照明、镜头是否被遮住，再检查摄像机。",
      "camera-bright": "摄像机画面一片白，看不清：查看是否有强光照着镜头，再检查摄像机曝光。",
      "camera-blurred": "摄像机画面模糊：到现场擦拭镜头、查看是否起雾或被喷涂，再调焦。",
      "camera-signal": "摄像机没有视频信号，只有提示画面：检查镜头端的线路和电源，并通知技术人员。",
      "retention-risk": "录像可能保存不满规定的天数：请通知技术人员检查录像硬盘的容量。",
      "disk": "网关存储故障，新记录可能只在内存中，断电会丢失：不要断电，立即通知技术人员。",
      "certificate": "证书即将到期，到期后可能连不上上级平台：请通知技术人员更换证书。",
      "unparsed": "设备发来的报文无法识别，可能是报警：到现场查看该设备，并通知技术人员。",
      "unknown-sender": "有未登记的设备或密钥不符的设备在发送报文，它的报警收不到：立即通知技术人员核对账号和密钥。",
      "site-file": "站点文件有错误，网关没有使用新的配置：请通知技术人员改正站点文件。",
      "point-untested": "按钮太久没有测试：请按一次做测试，确认能收到报警。",
      "recording-lost": "录像中断，现在没有录下画面：检查摄像机、网络和录像硬盘。",
    },
    problems: {
      "journal": "记录写不进存储：不要断电，立即通知技术人员。",
      "connection-stalled": "与设备的一个连接停住了，可能收不到报警：检查线路，并通知技术人员。",
      "supervisor": "接收设备报警的部分没有运行，可能收不到报警：立即通知技术人员，期间加强巡查。",
      "event-loop": "网关反应变慢，报警可能延迟：持续出现时通知技术人员。",
      "watchdog": "网关的自检停住了，可能收不到报警：立即通知技术人员。",
      "starting": "网关刚启动，正在自检：请稍候。",
    },
    otherProblem: "网关出现问题：请通知技术人员。",
    deviceOffline: "设备没有应答，收不到它的报警：检查电源、线路和地址。",
    deviceUnknown: "不知道设备是否正常：检查它所在的总线或网络。",
    linkDown: "上级平台连接中断，警情会保存并在恢复后补发；紧急情况请直接打电话报告。",
    storage: "存储故障，新记录只在内存中：不要断电，立即通知技术人员。",
  },
  en: {
    kinds: {
      "panic": "Somebody pressed for help: verify at once and go there.",
      "duress": "Somebody is threatened: tell nobody nearby, verify and call the police.",
      "fire": "Fire alarm: verify at once, evacuate, call the fire brigade.",
      "smoke": "Smoke: look at once; if it burns, evacuate and call the fire brigade.",
      "heat": "Heat: look at once whether it burns.",
      "gas": "Gas leak: switch nothing, close the valve, air, evacuate.",
      "intrusion": "Somebody broke in: look at the cameras; mind your own safety.",
      "door": "A door is not as it should be: go and look.",
      "tamper": "A device was opened or moved: look whether somebody damages it.",
      "fault": "A device or a part of the gateway has a fault and its alarms may be missed: call a technician, patrol more.",
      "temperature": "The temperature is out of range: go and look.",
      "humidity": "The humidity is out of range: go and look.",
      "device-lost": "The device does not answer, so its alarms are missed: check power, wiring and address; patrol more.",
      "bus-lost": "A whole bus does not answer, so all its devices are mute: check its wiring, converter and power; patrol more.",
      "battery": "The battery is low: change it soon.",
      "clock": "The gateway's clock can't be trusted, stamps may be wrong: check time server and network. Alarms still arrive.",
      "camera-covered": "A camera is covered: clear its view, look whether somebody damages it.",
      "camera-frozen": "A camera's picture stands still: restart it, else call a technician.",
      "camera-moved": "A camera was moved and misses its scene: put it back.",
      "camera-black": "A camera's picture is black: look whether the lights are out or the lens is covered, then check the camera.",
      "camera-bright": "A camera's picture is all white: look whether a light shines into it, then check its exposure.",
      "camera-blurred": "A camera's picture is blurred: clean the lens, look for mist or paint on it, then focus.",
      "camera-signal": "A camera has no picture, only a card that says so: check its wiring and power, call a technician.",
      "retention-risk": "Footage may not be kept as long as it must: have a technician check the disk's space.",
      "disk": "The gateway's storage fails, a power cut may lose new records: keep the power on, call a technician at once.",
      "certificate": "A certificate expires soon, the platform may be lost then: have a technician replace it.",
      "unparsed": "A device sent what nobody understands; it may be an alarm: look at the device, call a technician.",
      "unknown-sender": "A device calls that is not in the site file, or with a wrong key; its alarms are not taken: call a technician now.",
      "site-file": "The site file has an error and is not in use: have a technician correct it.",
      "point-untested": "A button was not tested for too long: press it once as a test.",
      "recording-lost": "Nothing is being recorded: check camera, network and recording disk.",
    },
    problems: {
      "journal": "Records can't be written: keep the power on, call a technician at once.",
      "connection-stalled": "A connection to devices hangs, alarms may be missed: check the wiring, call a technician.",
      "supervisor": "The part that hears the devices does not run, alarms may be missed: call a technician at once, patrol more.",
      "event-loop": "The gateway is slow, alarms may be late: call a technician if it lasts.",
      "watchdog": "The gateway's self-check hangs, alarms may be missed: call a technician at once.",
      "starting": "The gateway has just started and checks itself: wait a moment.",
    },
    otherProblem: "The gateway has a problem: call a technician.",
    deviceOffline: "The device does not answer, its alarms are missed: check power, wiring and address.",
    deviceUnknown: "Nobody knows whether the device is well: check its bus or network.",
    linkDown: "The platform is out of reach; alarms are kept and sent later. In an emergency report by telephone.",
    storage: "The disk fails, new records are in memory only: keep the power on, call a technician at once.",
  },
};

const advice = ADVICE[language];

/** What an alarm means and what to do. */
export const adviceFor = (alarm) => advice.kinds[alarm.kind] ?? "";

/** What a device that is not there means; empty for one that is. */
export const adviceForPresence = (presence) => ({ offline: advice.deviceOffline, unknown: advice.deviceUnknown })[presence] ?? "";

/** What the gateway's problems mean, each once. */
export const adviceForProblems = (problems) => [...new Set(problems.map((problem) => advice.problems[problem.code] ?? advice.otherProblem))].join(" ");

/** What a lost platform and a failing disk mean. */
export const { linkDown, storage } = advice;

/** The words of the lower layers, small and marked as such; null where there are none. */
export function technical(text) {
  return text ? el("small", { class: "technical" }, el("span", { class: "technical-label" }, words.technical), " ", text) : null;
}
