"""Sources of the recordings in the training music, with licences and credits.

Recordings are in one folder per repository, named `owner+name`. Folders that are not in this list are not used: it
excludes everything that forbids commercial use or has an unverified licence. Neither is a clone at another commit than
the listed one, whose licence and contents nobody has checked. Sources that are `held_out` are used for validation music
and never for training music.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Source:
    """Recordings of a repository."""

    kind: str
    """speech, singing, sung (a voicebank with `oto.ini`), drums, bass, guitar, keys, other; performance (MIDI of a
    drummer), arrangement (MIDI of a whole piece) or multitrack (songs with stems); soundfont for a Debian package."""
    repository: str
    """owner/name, or the name of the Debian package."""
    commit: str
    licence: str
    attribution: str
    only: str = ""
    """Regular expression for the paths that may be used, if not all of them may."""
    held_out: str = ""
    """Regular expression for the paths held out from training; "." for all."""

    @property
    def folder(self) -> str:
        """Name of the folder."""
        return self.repository.replace("/", "+")


_LIBRISPEECH = "LibriSpeech, (c) 2014 Vassil Panayotov, derived from LibriVox"
_SFZ = "sfzinstruments/"

SOURCES = (
    Source("speech", "neonbjb/tortoise-tts", "3c942ef440fe67f052efb71ace3ef8a5b4d6142f", "CC BY 4.0",
           "Super Dialogue Audio Pack V1 by Dillon Becker, voices of Alex Brodie, Karen Cenon, Ian Lampert,"
           " Meghan Christian and Sean Lenhart, regrouped by n8bot"),
    Source("speech", "resemble-ai/Resemblyzer", "15d828edebe06bc72b9cabc8ef8ca5ab2cb457ce", "CC BY 4.0",
           _LIBRISPEECH, held_out="librispeech_test-other"),
    Source("speech", "Walleclipse/Deep_Speaker-speaker_recognition_system", "b975516d368eeac745e8f5270740ef277b88a8af",
           "CC BY 4.0", _LIBRISPEECH),
    Source("speech", "librosa/data", "450cdd8a002c98e7bdbfebb309fc1ed024001f77", "CC BY 4.0", _LIBRISPEECH),
    Source("speech", "KimythAnly/AGAIN-VC", "dbf94bf55882f897c312c7760cd892c51c93c9ab", "CC BY 4.0",
           "CSTR VCTK Corpus by J. Yamagishi and others, University of Edinburgh", held_out="p226"),
    Source("speech", "rhasspy/dataset-voice-kerstin", "f73127135cf80d6ef52aef6af58c49774f4fd625", "CC0 1.0",
           "Kerstin, rhasspy"),
    Source("singing", "nnsvs/nnsvs", "4415519486422e01df875f2a8afd69aed76286dc", "CC BY 3.0",
           "NIT SONG070 F001, (c) Nagoya Institute of Technology", held_out="."),
    Source("drums", _SFZ + "DrumGizmo.MuldjordKit", "fc165714974aa843125ce88597f341b31376e1d5", "CC BY 4.0",
           "MuldjordKit by Lars Muldjord, DrumGizmo.org, mixed down and trimmed"),
    Source("drums", _SFZ + "karoryfer.gogodze-phu-vol-ii", "69a0274cdc39c99c3098cde1bc3789690de86d62", "CC0 1.0",
           "Gogodze Phu Vol II, Karoryfer Lecolds"),
    Source("drums", _SFZ + "karoryfer.frankensnare", "9151c2d79fcbb73c65d63f78918d4ba7abc91a81", "CC0 1.0",
           "Frankensnare, Karoryfer Samples"),
    Source("drums", "oramics/sampled", "84d3405e107ad52986e7ca99af6a4ed3efe205de", "CC BY 3.0",
           "Pearl Master Studio Pack 1 by enoe", only="pearl-master-studio", held_out="."),
    Source("drums", "Boochi44/free-drum-samples", "77ba31428a079dd8f17c8e144c1e649ea0a198b3", "CC0 1.0",
           "Boochi44, some derived from TR-808 recordings by Edward Loveall"),
    Source("drums", "smpldsnds/drum-machines", "a894cb8c72abe15b05e7b4fd4b8ee561c0f9e960", "public domain",
           "Drum machines, collected by smpldsnds"),
    Source("drums", "sonic-pi-net/sonic-pi", "c0002065a976b1355e7889f4aa96a1804e2b8119", "CC0 1.0", "Sonic Pi samples"),
    Source("drums", "freepats/world-percussion", "e54eb2912a0d6d4444ab205d52f778e27da0fc96", "CC0 1.0",
           "World percussion, FreePats"),
    Source("drums", _SFZ + "body_percussion", "4ac9d8966679c648b62fa10a188179e186b97f24", "CC0 1.0",
           "Body Percussion, sfzinstruments"),
    Source("bass", _SFZ + "dsmolken.double-bass", "c2985eb647109d2a8f30a70071e3e163339d7396", "CC0 1.0",
           "Double bass, D. Smolken"),
    Source("bass", _SFZ + "karoryfer.fashionbass", "0703973b300a6bacb837602be9b588ab64732a72", "CC0 1.0",
           "Fashionbass, Karoryfer Lecolds", held_out="."),
    Source("bass", _SFZ + "karoryfer.growlybass", "4f483268fc66b5a6d5781d421c0d11b8d08d3fc6", "CC0 1.0",
           "Growlybass, Karoryfer Lecolds"),
    Source("bass", _SFZ + "karoryfer.meatbass", "ac9e859564bda286ab5ec672d00ff1aa2fef2895", "CC0 1.0",
           "Meatbass, Karoryfer Lecolds, played by D. Smolken"),
    Source("bass", _SFZ + "karoryfer.pastabass", "90135cd026db5d4fa0fe538240b4203f085f5244", "CC0 1.0",
           "Pastabass, Karoryfer Samples, recorded by spacecoyote"),
    Source("bass", _SFZ + "karoryfer.swagbass", "9d10fcae71af1975988ddecd5af1c95d372c7355", "CC0 1.0",
           "Swagbass, Karoryfer Lecolds"),
    Source("bass", "freepats/electric-bass-YR", "8dcb7ea9116f417273ef8c030d15e7b3aa654301", "CC0 1.0",
           "Bass YR, Andrea Biasior, FreePats"),
    Source("bass", "freepats/synth-bass-1", "17095d4d23e960b0566489dc506cc858e3b50e0b", "CC0 1.0",
           "Synth Bass 1, FreePats"),
    Source("guitar", "freepats/spanish-classical-guitar", "6f4eb1b092acc88f5448cea1a0001bd07b971af8", "CC0 1.0",
           "Spanish classical guitar, Roberto, FreePats", held_out="."),
    Source("guitar", _SFZ + "karoryfer.emilyguitar", "b4920dc662fd9cad6dcaccdeecffdd91c8725d8c", "CC0 1.0",
           "Emilyguitar, Karoryfer Lecolds"),
    Source("guitar", _SFZ + "karoryfer.shinyguitar", "57243cca85277dbcc120ce17c6178032f93c80f3", "CC0 1.0",
           "Shinyguitar, Karoryfer Samples"),
    Source("keys", "freepats/upright-piano-KW", "570f6c60ed2eff67accad3b85d5b452e57a3ad28", "CC0 1.0",
           "Upright piano KW, FreePats"),
    Source("keys", _SFZ + "GregSullivan.E-Pianos", "8c3e581acda3594b553948ff0222d4f84a698376", "CC BY 3.0",
           "E-Pianos by Greg Sullivan (sullivang.net), SFZ by kinwie, trimmed"),
    Source("other", _SFZ + "karoryfer.bear-sax", "7abb3c652525a15dfac80e1b5dfbba9964ee568f", "CC0 1.0",
           "Bear Sax, Karoryfer Lecolds"),
    Source("other", _SFZ + "karoryfer.war-tuba", "5b62dd6ef6b00281bb734769e44a63f5e013018a", "CC0 1.0",
           "War Tuba, Karoryfer Lecolds, played by Jakub Lewicki"),
    Source("other", _SFZ + "karoryfer.weresax", "595d1fc1044edf6260d44b8215b723a3fbdd1802", "CC0 1.0",
           "Weresax, Karoryfer Samples"),
    Source("sung", "oxygen-dioxide/ALYS-DB-001-JA", "bfcc78a29a75f69c1c21dd9821e54736774fb3cc", "GPL-3",
           "ALYS, VoxWave; Lucien Cartier-Tilet"),
    Source("sung", "oxygen-dioxide/dorodoro-ja-vcv", "a726f3e3a26874ad37ecfb31bc191d337480b38b",
           "any use, readme kept (chongzhen.wikidot.com/files:8940236)", "dorodoro, Cerenothoa, Orcinus-Library"),
    Source("sung", "ErithacusProject/ErithacusVB", "b2c9e370c162b80487ee271337c1d8ab6f662817", "CC BY 4.0",
           "Erithacus, the Erithacus Project"),
    Source("performance", "zharry29/drums-with-llm", "476adbc938a600eaca26bbb02648e6127b5eca64", "CC BY 4.0",
           "Groove MIDI Dataset by Jon Gillick and others, Google Magenta", only="^groove/.*[.]mid$"),
    Source("arrangement", "freedoom/freedoom", "d14dbbee3b6fbfb2c11cdb65eb61216e86d4ee85", "BSD-3-Clause",
           "music of Freedoom, (c) contributors to the Freedoom project, listed in its CREDITS-MUSIC",
           only="^musics/.*[.]mid$"),
    Source("multitrack", "ichbinsoftware/everythingisremixed", "6a6fbe3a634871fba7efe298dee048f394aa0f18", "CC0 1.0",
           "Everything Is Remixed, Software", only="_Stem_.*[.]m4a$", held_out="2[.]Lithium|3[.]Sodium"),
    Source("soundfont", "fluidr3mono-gm-soundfont", "", "MIT",
           "FluidR3 GM by Frank Wen and others, mono version by Michael Cowgill"),
    Source("soundfont", "musescore-general-soundfont-small", "", "MIT",
           "MuseScore General by S. Christian Collins, derived from FluidR3 by Frank Wen and others"),
)  # fmt: skip

RECORDED = ("speech", "drums", "bass", "guitar", "keys", "other", "soundfont")
"""Kinds of the sources of synthetic songs."""
_SPEAKER = re.compile(r"(\d+)-\d+-\d+|(p\d{3})_")


def recordings(
    root: Path, kind: str, *, held_out: bool, suffixes: Container[str] = (".flac", ".ogg", ".wav")
) -> Iterator[tuple[Source, Path]]:
    """Files of a kind below a folder, in a fixed order, without clones at another commit.

    Args:
        root: folder with the repositories' folders, directly or one level deeper.
        kind: as in `Source`.
        held_out: whether to list the files for validation instead of those for training.
        suffixes: endings of the files, in lower case.
    """
    for source, folder in _folders(root, (kind,)):
        if commit_of(folder) not in ("", source.commit):
            continue
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder).as_posix()
            if path.suffix.lower() not in suffixes or (source.only and not re.search(source.only, inside)):
                continue
            if held_out == bool(source.held_out and re.search(source.held_out, inside)):
                yield source, path


def other_commits(root: Path, kinds: Iterable[str]) -> dict[str, str]:
    """Clones below a folder that are not used because they are at another commit: name and reason."""
    found = {(source, folder): commit_of(folder) for source, folder in _folders(root, kinds)}
    return {
        source.repository: f"expected commit {source.commit[:12]}, got {commit[:12]}"
        for (source, _), commit in found.items()
        if commit not in ("", source.commit)
    }


def commit_of(folder: Path) -> str:
    """Commit of a clone; empty for a copy without `.git`, whose commit is not known."""
    store = folder / ".git"
    if store.is_file():  # a work tree, whose store is elsewhere
        store = folder / store.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
    if not (store / "HEAD").exists():
        return ""
    head = (store / "HEAD").read_text(encoding="utf-8").strip()
    if not head.startswith("ref: "):
        return head
    branch = head.removeprefix("ref: ")
    if (store / branch).exists():
        return (store / branch).read_text(encoding="utf-8").strip()
    packed = store / "packed-refs"
    lines = packed.read_text(encoding="utf-8").splitlines() if packed.exists() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {branch}")), "unborn")


def _folders(root: Path, kinds: Iterable[str]) -> Iterator[tuple[Source, Path]]:
    wanted = {*kinds}
    for source in SOURCES:
        for folder in (root / source.folder, root / source.kind / source.folder):
            if source.kind in wanted and folder.is_dir():
                yield source, folder


def speaker(source: Source, path: Path) -> str:
    """Speaker of a recording: LibriSpeech's number, VCTK's p-number, or the folder."""
    if found := _SPEAKER.search(path.name):
        return found[1] or found[2]
    return f"{source.folder}/{path.parent.name}"


def credits_of(kinds: Iterable[str] = RECORDED, also: Iterable[Source] = ()) -> list[str]:
    """Credits of the sources of some kinds, and of some more, for a model card, one line each."""
    used = [source for source in SOURCES if source.kind in {*kinds} and source.held_out != "."]
    return [f"{source.attribution}: {source.licence} ({source.repository})" for source in dict.fromkeys((*used, *also))]
