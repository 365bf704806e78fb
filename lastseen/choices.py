"""Every number that the analysis of a video or photo chose, with its reason.

They are settings like the others (`LASTSEEN_ANALYSIS__EVERY=0.25`), in a file of their own since the sandboxed child
needs these and nothing else.  Whoever changes one changes the recipe of analyses (`Choices.digest`); blobs that were
analysed by another recipe stay as they are until they are asked for again.
"""

import hashlib
from operator import attrgetter
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Gates(BaseModel):
    """What a picture of a face must have to be searched with; a refusal names its value and the need.

    A poor probe against a good reference only misses; poor against poor matches falsely.  So these are wide.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    min_width: float = Field(
        32,
        ge=0,
        le=2000,
        title="Least width",
        description="Pixels of the face. When both pictures shrink to 25, 16 and 12 px the worst stranger's cosine"
        " rises from 0.35 to 0.46, 0.72 and 0.85.",
    )
    min_score_part: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Least score",
        description="Part of the score at which the detector is sure; its own least score holds in any case.",
    )
    min_sharpness: float = Field(
        2.2,
        ge=0,
        le=10_000,
        title="Least sharpness",
        description="Variance of the aligned chip's Laplacian. Five portraits blurred step by step lay 0.33-0.37 from"
        " themselves at 2.5-4.4, but 0.49-0.65 at 1.1-1.6, where blurred strangers fall below 0.5.",
    )
    max_pose: float = Field(
        0.95,
        ge=0,
        le=1,
        title="Most turned away",
        description="0 frontal to 1 profile; at 1 the nose stands under one of the eyes. Chosen, not measured,"
        " and wide, since a poor probe against a good reference only misses.",
    )


class RegisterGates(Gates):
    """What a reference photo must have: more than a probe, since a bad one matches everyone."""

    min_width: float = Field(
        64, ge=0, le=2000, title="Least width", description="Pixels of the face: its eyes are then some 25 px apart."
    )
    min_score_part: float = Field(
        0.2,
        ge=0,
        le=1,
        title="Least score",
        description="Part of the sure score. Folds and leaves that a detector takes for faces below it must not make"
        " two faces of a good portrait.",
    )
    min_sharpness: float = Field(
        8,
        ge=0,
        le=10_000,
        title="Least sharpness",
        description="Portraits blurred to 12-26 still lie within 0.2 of themselves, at 4 only within 0.37.",
    )
    max_pose: float = Field(
        0.7,
        ge=0,
        le=1,
        title="Most turned away",
        description="0 frontal to 1 profile. Chosen, not measured: stricter than a search's, since a bad reference"
        " photo matches everyone.",
    )


class Choices(BaseModel):
    """How a file is looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # --- which pictures -----------------------------------------------------------------------------------
    every: float = Field(
        0.5,
        gt=0,
        le=60,
        title="Cadence",
        description="Seconds between sampled pictures: a face that passes for one second is met twice.",
    )
    closer_every: float = Field(
        0.25,
        gt=0,
        le=60,
        title="Cadence around hits",
        description="Seconds between pictures while a face that has just come has no good shot yet: heads turn within"
        " half a second.",
    )
    cut_levels: float = Field(
        18.0,
        gt=0,
        le=255,
        title="Jump of a cut",
        description="Mean difference in levels of two frames shrunk to 32 x 18. On an edited music clip frames within "
        "a shot differ by up to 12, across its cuts by 27 and more.",
    )
    cut_times_before: float = Field(
        3.0,
        ge=1,
        le=100,
        title="Jump of a cut against those before it",
        description="How many times more than in the frames before: fast pans differ as much, but keep on differing.",
    )
    cut_looks_back: int = Field(
        5,
        ge=1,
        le=250,
        title="Frames a cut is held against",
        description="A fifth of a second: enough to know a pan by.",
    )
    shortest_shot: float = Field(
        0.2,
        gt=0,
        le=60,
        title="Shortest shot",
        description="Seconds: flashes are no cuts, and a film of nothing but cuts costs five pictures a second.",
    )
    same_cell: int = Field(
        8,
        ge=2,
        le=64,
        title="Cells for near-identical pictures",
        description="Pixels a side of the cells whose light is compared; a face of 32 px covers 16 of them.",
    )
    same_levels: float = Field(
        6.0,
        ge=0,
        le=255,
        title="Nearly identical",
        description="Levels by which a cell of light may change and the picture is still left out. A real face of 32 "
        "px blended into a plain picture is no longer found by YuNet where its strongest cell is at 5, and found at 8; "
        "still scenes with grain differ by 2 to 5 at usual compression.",
    )
    same_at_most: float = Field(
        10.0,
        gt=0,
        le=600,
        title="Longest stretch left out",
        description="Seconds after which a nearly identical picture is looked at all the same.",
    )

    # --- looks --------------------------------------------------------------------------------------------
    look_pixels: int = Field(
        640 * 360,
        ge=64 * 64,
        le=64_000_000,
        title="Pixels of a look",
        description="What a video's pictures are shrunk to first, since a detector's time grows with them.",
    )
    closer_pixels: int = Field(
        1920 * 1080,
        ge=64 * 64,
        le=64_000_000,
        title="Pixels of a closer look",
        description="What larger pictures are shrunk to: dlib's detector meets faces of 80 px in 1080 lines (0.15 s),"
        " with 1280 x 720 only those of 120 px.",
    )
    enlarged_pixels: int = Field(
        1280 * 720,
        ge=64 * 64,
        le=64_000_000,
        title="Pixels of an enlarged picture",
        description="What smaller pictures are enlarged to for a closer look: in 360 lines dlib's detector is sure of a"
        " face of 43 px with these (0.06 s), not with 960 x 540.",
    )
    closer_look_every: float = Field(
        6.0,
        gt=0,
        le=3600,
        title="Closer looks",
        description="Seconds between closer looks at whole pictures; with dlib's detector each costs four quick ones.",
    )
    closer_look_in_shot: float = Field(
        3.0,
        ge=0,
        le=3600,
        title="Closer looks at new shots",
        description="The same for a shot that had none yet: shots shorter than this are not all looked at closely.",
    )
    place_times: float = Field(
        3.0,
        ge=1,
        le=20,
        title="Places around faces",
        description="How much wider than a face the place is where it is looked for again: nobody moves further in half"
        " a second. With 2.2 the second shot of a man who passes a camera was missed.",
    )
    place_larger: float = Field(
        1.3,
        ge=1,
        le=10,
        title="Enlargement of places",
        description="How much larger than the least that the detector finds reliably an expected face is shown to it.",
    )
    closer_for: float = Field(
        2.0,
        ge=0,
        le=3600,
        title="How long pictures come closer together",
        description="Seconds from when a face appears, while there is no good shot of it: who passes for a second is"
        " met four times instead of twice. Whoever stays gives enough shots at the usual cadence.",
    )
    good_shot: float = Field(
        0.3,
        ge=0,
        le=1,
        title="A good shot",
        description="Weight of a shot from which none in between is looked for: that of a frontal face 60 px wide and"
        " half sharp. Of 64 px, portraits lie up to 0.10 from themselves.",
    )
    still_pixels: int = Field(
        2560 * 1440,
        ge=64 * 64,
        le=64_000_000,
        title="Pixels of a look at a still picture",
        description="A photo is looked at once only, so more closely than any picture of a video.",
    )

    most_faces: int = Field(
        300,
        ge=1,
        le=10_000,
        title="Faces of one picture",
        description="How many of a video's picture are followed at most, the surest first; that some were left out is"
        " said. Each costs some 3 ms to measure, cut out and embed, so that nobody hides a film behind a mosaic of"
        " thousands. A photo has no such limit.",
    )

    # --- tracks, gates, templates, cast -------------------------------------------------------------------
    same_place: float = Field(
        0.2,
        gt=0,
        le=1,
        title="Same place",
        description="Overlap (intersection over union) from which a face may be the one of the picture before: it has"
        " moved by two thirds of its width. Whoever else comes so near is told by vectors.",
    )
    sure_place: float = Field(
        0.5,
        gt=0,
        le=1,
        title="Surely the same place",
        description="Overlap from which place alone tells; below it vectors are compared as well. The face has moved by"
        " a third of its width, and detectors take two that overlap so much for one.",
    )
    sure_gap: float = Field(
        0.6,
        ge=0,
        le=60,
        title="Surely still there",
        description="Seconds unseen after which place alone no longer tells: a little more than the cadence.",
    )
    sure_growth: float = Field(
        1.5,
        ge=1,
        le=10,
        title="Surely the same size",
        description="How many times as wide a face may have become before place alone no longer tells.",
    )
    longest_gap: float = Field(
        1.0,
        ge=0,
        le=60,
        title="Longest gap",
        description="Seconds that a face may be unseen (turned away, behind a hand) and go on. Not below the cadence.",
    )
    continues: float = Field(
        1.2,
        gt=0,
        le=10,
        title="Goes on",
        description="Times the engine's threshold: within a shot and a second a likeness too weak for a search will do,"
        " and a face less like its track than that is somebody else.",
    )
    check_every: float = Field(
        4.0,
        gt=0,
        le=3600,
        title="Identity checks",
        description="Seconds between comparisons of a face with its own track: a dissolve puts another face in its"
        " place. At 2 pictures a second each track's first 4 s are among its best shots, and compared anyway.",
    )
    best_shots: int = Field(
        8,
        ge=2,
        le=64,
        title="Best shots",
        description="How many pictures of a track are kept and embedded at most. Templates of three degraded views lie"
        " 0.413 from their person's photos on average, of five 0.385, of eight 0.370 (`lastseen bench pooling`): more"
        " add ever less, and each costs an embedding and a picture.",
    )
    apart: float = Field(
        0.5,
        ge=0,
        le=60,
        title="Shots apart",
        description="Seconds between best shots: neighbours show the same blur and look and add nothing to a template.",
    )
    pose_apart: float = Field(
        0.1,
        gt=0,
        le=1,
        title="Poses apart",
        description="Difference of the landmarks' shapes (0 .. 1) from which two shots show different poses: 0.1 is"
        " about 20 degrees of turning or nodding; points that are wrong by a third of a pixel make 0.065 of a face of"
        " 32 px, 0.02 of one of 100 px.",
    )
    alike_costs: float = Field(
        0.5,
        ge=0,
        le=1,
        title="What a pose seen already costs",
        description="Part of its weight that a shot loses in the choice of the best when a better one has its pose:"
        " with a half, another pose goes before a shot that is less than twice as good. Chosen, not measured.",
    )
    gates: Gates = Field(Gates(), title="Gates of a search", description="What a best shot must have to be searched.")
    register_gates: RegisterGates = Field(
        RegisterGates(),
        title="Gates of the register",
        description="What a reference photo must have to be accepted, from now on.",
    )
    kept_width: float = Field(
        24,
        ge=0,
        le=2000,
        title="Least width of a crop",
        description="Pixels. A smaller face shows nothing that a person could compare: it is counted, no more. Between"
        " this and the gate it is kept and not searched.",
    )
    full_width: float = Field(
        100.0,
        gt=0,
        le=2000,
        title="Width that is enough",
        description="Pixels of a face from which more add next to nothing. Five portraits shrunk to 100, 64, 48, 32 and"
        " 24 px lay up to 0.05, 0.10, 0.15, 0.26 and 0.36 from themselves.",
    )
    half_sharpness: float = Field(
        40.0,
        gt=0,
        le=10_000,
        title="Half sharp",
        description="Variance of the Laplacian at which a shot counts half. Hardly matters: with 10, 40, 160 and 640"
        " the best of three degraded views finds 90.8 %, 91.3 %, 90.3 % and 90.6 % of its people at one false match in"
        " a hundred, and the template of all three 95.3 - 95.6 %.",
    )
    pose_costs: float = Field(
        0.7,
        ge=0,
        le=1,
        title="What a profile costs",
        description="Part of a shot's weight. Chosen, not measured: among photos that are nearly frontal it makes no"
        " difference to templates (95.3 % with 0 and with 0.7).",
    )
    agrees: float = Field(
        1.5,
        gt=0,
        le=10,
        title="Agrees",
        description="Times the engine's threshold: a shot further from the middle one is left out of the template. Of"
        " templates of three degraded views 90.5 %, 92.3 %, 95.3 %, 95.3 % and 95.5 % find their person (at one false"
        " match in a hundred) with 1.0, 1.2, 1.4, 1.5 and 1.6: a bad picture of the right person still helps.",
    )
    singles: int = Field(
        3,
        ge=1,
        le=64,
        title="Single shots",
        description="How many of the best shots are searched on their own, beside their mean. Of tracks of 3, 5 and 8"
        " degraded views 80.8 %, 90.2 % and 96.4 % come within the threshold (0.5) of their person with 1, 82.8 %,"
        " 90.9 % and 97.3 % with 3, and no more with 8; no stranger does.",
    )
    divides: float = Field(
        1.2,
        gt=0,
        le=10,
        title="Divides a track",
        description="Times the engine's threshold: runs of shots further apart than this, on average, are two people."
        " With dlib (0.6) shots of one track came together at 0.41 at most, at 0.61 those of the one who moves most;"
        " tracks of different people lay 0.51-0.80 apart, those below 0.6 all small or blurred.",
    )
    divides_one: float = Field(
        1.5,
        gt=0,
        le=10,
        title="Divides a track at one shot",
        description="The same for a single first or last shot, which may just be a bad one.",
    )
    cast_quality: float = Field(
        0.15,
        ge=0,
        le=1,
        title="Good enough for the cast",
        description="Least quality of both templates, since poor against poor matches falsely: a sharp face of 45 px"
        " has 0.2, blurred ones of 60 px have 0.05.",
    )
    cast_distance: float = Field(
        0.8,
        gt=0,
        le=10,
        title="Same face across cuts",
        description="Times the engine's threshold: a false link is worse than a missing one. With dlib (0.4) two shots"
        " of a singer, 43 and 80 px wide, lie 0.38 apart and are linked; all others of that video 0.53 and more.",
    )
    cast_tracks: int = Field(
        2000,
        ge=2,
        le=20_000,
        title="Tracks of a cast",
        description="Only the best of a video with more of them are linked: the comparisons grow with their square, and"
        " take 2 s for so many of one face.",
    )

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        """Refuse choices that would lose faces silently."""
        for least, most in (
            ("every", "longest_gap"),
            ("kept_width", "gates.min_width"),
            ("look_pixels", "closer_pixels"),
            ("enlarged_pixels", "closer_pixels"),
        ):
            small, large = attrgetter(least)(self), attrgetter(most)(self)
            if small > large:
                raise ValueError(f"{least} ({small}) must not be above {most} ({large})")
        return self

    def digest(self) -> str:
        """Empty for the defaults; else 8 hex digits that differ whenever a choice does."""
        chosen = self.model_dump_json(exclude_defaults=True, exclude={"register_gates"})
        return "" if chosen == "{}" else hashlib.sha256(chosen.encode()).hexdigest()[:8]
