"""`stemfield doctor`: finds what keeps this machine from playing, by trying things instead of reading settings.

Probes (`probe_*`) collect facts into one frozen value, `evidence`; checks (`check_*`) turn it into findings, in the
order of `diagnosis`. What may hang is tried in child processes (`child_*`), which import nothing else from here. The
sound card (`sound_card`) and the speaker test (`speaker_test`) serve the commands for a first configuration too.
"""

__all__ = [
    "diagnosis",
    "evidence",
    "finding",
    "hdmi",
    "probe_jack",
    "processes",
    "report",
    "sound_card",
    "speaker_test",
]
