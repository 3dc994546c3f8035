"""What a virtual phone says of itself, after outputs that people have published of theirs.

- thermalservice: a Samsung A52 5G with Android 12, https://android.stackexchange.com/questions/246774
- battery: https://gh0st.tistory.com/6 (the lines that are Android's, not Samsung's)
- properties: the names as in https://github.com/flutter/flutter/issues/4009; the values are this phone's own
- a native crash in the log: https://github.com/littleGnAl/glance/issues/11
"""

from typing import Final

FINGERPRINT: Final = "ontarget/virtual/virtual:12/SP1A.210812.016/1:user/release-keys"


def properties(abi: str, serial: str) -> dict[str, str]:
    return {
        "ro.boot.serialno": serial,
        "ro.serialno": serial,
        "ro.build.fingerprint": FINGERPRINT,
        "ro.build.type": "user",
        "ro.build.version.release": "12",
        "ro.build.version.sdk": "31",
        "ro.product.manufacturer": "ontarget",
        "ro.product.brand": "ontarget",
        "ro.product.model": "Virtual Phone",
        "ro.product.name": "virtual",
        "ro.product.device": "virtual",
        "ro.board.platform": "virt",
        "ro.soc.manufacturer": "QEMU",
        "ro.soc.model": "virt",
        "ro.product.cpu.abi": abi,
        "ro.product.cpu.abilist": abi,
        "ro.debuggable": "0",
        "ro.secure": "1",
        "sys.boot_completed": "1",
    }


BATTERY: Final = """\
Current Battery Service state:
  AC powered: false
  USB powered: true
  Wireless powered: false
  Max charging current: 0
  Max charging voltage: 0
  Charge counter: 0
  status: 2
  health: 2
  present: true
  level: 84
  scale: 100
  voltage: 4063
  temperature: 326
  technology: Li-ion
"""

THERMAL: Final = """\
IsStatusOverride: false
ThermalEventListeners:
	callbacks: 1
	killed: false
	broadcasts count: -1
ThermalStatusListeners:
	callbacks: 4
	killed: false
	broadcasts count: -1
Thermal Status: 0
Cached temperatures:
	Temperature{mValue=25.6, mType=0, mName=AP, mStatus=0}
	Temperature{mValue=25.7, mType=5, mName=PA, mStatus=0}
	Temperature{mValue=23.8, mType=2, mName=BAT, mStatus=0}
	Temperature{mValue=24.7, mType=3, mName=LRB, mStatus=0}
	Temperature{mValue=0.0, mType=4, mName=USB, mStatus=0}
HAL Ready: true
HAL connection:
	ThermalHAL 2.0 connected: yes
Current temperatures from HAL:
	Temperature{mValue=25.6, mType=0, mName=AP, mStatus=0}
	Temperature{mValue=23.8, mType=2, mName=BAT, mStatus=0}
	Temperature{mValue=24.7, mType=3, mName=LRB, mStatus=0}
	Temperature{mValue=25.7, mType=5, mName=PA, mStatus=0}
	Temperature{mValue=0.0, mType=4, mName=USB, mStatus=0}
Current cooling devices from HAL:
Temperature static thresholds from HAL:
"""

POWER: Final = """\
POWER MANAGER (dumpsys power)

Power Manager State:
  mWakefulness=Asleep
  mIsPowered=true
  mPlugType=2
  mBatteryLevel=84
  mStayOn=false
"""

WINDOW: Final = """\
WINDOW MANAGER POLICY STATE (dumpsys window policy)
    mDreamingLockscreen=false
    isStatusBarKeyguard=true
    mShowingLockscreen=true
"""

SERVICES: Final = {"battery": BATTERY, "thermalservice": THERMAL, "power": POWER, "window": WINDOW}

SETTINGS: Final = {
    ("global", "airplane_mode_on"): "0",
    ("global", "low_power"): "0",
    ("global", "stay_on_while_plugged_in"): "0",
    ("global", "window_animation_scale"): "1.0",
    ("system", "screen_brightness"): "102",
    ("system", "screen_off_timeout"): "60000",
}
