"""A study of two items, two responses each, and two raters, written out by hand."""

from hps_bench.study.assignment import (
    Assignment,
    Item,
    Packet,
    ShownResponse,
    Task,
    Turn,
    make_assignment,
)

HOSTILE = '</script><script>document.title = "taken"</script><img src=x onerror="alert(1)"> <!--'


def _item(name: str, first: str, second: str) -> Item:
    responses = [
        ShownResponse(response=f"{name}-a", text=first),
        ShownResponse(response=f"{name}-b", text=second),
    ]
    return Item(item=name, prompt=[Turn(role="user", content=f"Why {name}?")], responses=responses)


ITEMS = [_item("i1", "Because.", HOSTILE), _item("i2", "{{ 7 * 7 }}", "a < b")]
PACKETS = [
    Packet(
        rater="rater-01",
        tasks=[
            Task(item="i2", responses=["i2-b", "i2-a"]),
            Task(item="i1", responses=["i1-a", "i1-b"]),
        ],
    ),
    Packet(
        rater="rater-02",
        tasks=[
            Task(item="i1", responses=["i1-b", "i1-a"]),
            Task(item="i2", responses=["i2-a", "i2-b"]),
        ],
    ),
]


def small_study() -> Assignment:
    """The assignment."""
    return make_assignment("small", 0, ["toy"], ITEMS, PACKETS)
