"""Original English sentences, composed from templates with a seeded generator.

Every word list, template and held-out sentence here was written for this project. No text comes
from a corpus.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator


def _split(text: str, mark: str = "|") -> tuple[str, ...]:
    """Cut a list written as one string at each `mark`."""
    return tuple(text.split(mark))


HELDOUT: tuple[str, ...] = (
    "The judge would rather measure the bridge twice than trust a rough guess.",
    "Why did both brothers choose to wait outside while the kettle boiled?",
    "Five thin foxes watched the yellow ship sail beyond the breakwater.",
    "Please leave the heavy luggage by the door, then join us upstairs.",
    "A strange vision of a garden filled her mind as the music faded.",
    "Could you show the children how a paper kite stays up in the air?",
    "In 1938 the village had one shop, two wells, and no school at all.",
    "They argued about the price of sugar, but nobody raised their voice.",
    "Smooth black stones lay along the path that the goats had cut.",
    "I thought the youngest singer was brave, though her hands were shaking.",
    "The treasure was only a jar of buttons, a broken watch, and a key.",
    "When the fog lifted at last, we could hear geese above the marsh.",
)
"""Twelve sentences that both speakers read and that never occur in training."""

WORDS: dict[str, tuple[str, ...]] = {
    "person": _split(
        "the baker|my cousin|our neighbor|the young doctor|a tired sailor|the chess teacher|"
        "her uncle|the new mayor|a patient nurse|the village judge|his grandmother|the bus driver|"
        "a clever tailor|the night watchman|our old captain|the piano tuner|a quiet student|"
        "the museum guide|their youngest daughter|the French cook|a cheerful plumber|"
        "the farmer"
    ),
    "name": _split(
        "Martha|George|Louise|Oliver|Vivian|Arthur|Joyce|Felix|Bethany|Hugo|Charlotte|Theo|"
        "Yvonne|Julian|Agatha|Walter|Naomi|Patrick"
    ),
    "adj": _split(
        "wooden|yellow|heavy|broken|narrow|golden|useless|ancient|rusty|enormous|smooth|crooked|"
        "purple|fragile|borrowed|hollow|shiny|leather|faded|curious|thick|polished|missing"
    ),
    "object": _split(
        "box|lantern|umbrella|chair|mirror|basket|violin|ladder|suitcase|map|clock|whistle|"
        "photograph|kettle|shovel|wheel|brush|cage|picture|jacket|bridge model|telescope"
    ),
    "things": _split(
        "oranges|candles|envelopes|brushes|pigeons|cups|matches|onions|feathers|buttons|"
        "blue shoes|wooden spoons|garden chairs|sharp pencils|jars of honey|loaves of bread|"
        "fresh peaches|sheets of paper|bottles of milk|old coins"
    ),
    "place": _split(
        "behind the chapel|under the stone bridge|near the railway station|beside the frozen pond|"
        "in the back of the shop|across the valley|on the north shore|at the top of the hill|"
        "inside the empty theater|along the river bank|next to the power house|in the school yard|"
        "outside the fish market|between the two barns|by the kitchen window|at the edge of town|"
        "in the shade of an oak|beyond the orchard|over the garden wall|"
        "through the dusty hall"
    ),
    "time": _split(
        "before breakfast|on Thursday morning|in early autumn|after the storm|"
        "just before midnight|"
        "last winter|during the long journey|at noon|every other week|late in the evening|"
        "three days ago|on the first of June|at half past eight|in the middle of July|"
        "after a short nap|while the rain fell|that same afternoon|once the music stopped"
    ),
    "did": _split(
        "carried|found|painted|repaired|measured|dropped|polished|sold|hid|noticed|borrowed|"
        "described|lifted|wrapped|examined|pushed|bought|cleaned|lost|brought"
    ),
    "do": _split(
        "carry|find|paint|repair|measure|drop|polish|sell|hide|notice|borrow|describe|lift|"
        "wrap|examine|push|buy|clean|choose|bring"
    ),
    "went": _split("walked|hurried|wandered|marched|climbed|danced|crept|limped|rushed|strolled|jogged"),
    "how": _split(
        "slowly|quietly|with great care|without a word|in a foolish hurry|very gently|"
        "with a loud laugh|as usual|rather badly|for no clear reason|with both hands"
    ),
    "animal": _split(
        "fox|donkey|sparrow|goat|kitten|squirrel|horse|goose|badger|puppy|owl|rabbit|turtle|mouse|calf|heron"
    ),
    "food": _split(
        "mushroom soup|apple pie|fried fish|roast chicken|cheese and bread|boiled eggs|plum cake|"
        "vegetable stew|rice with beans|warm ginger biscuits|toast and jam|cherry pudding"
    ),
    "mood": _split(
        "joyful|nervous|proud|puzzled|hungry|cautious|furious|thoughtful|ashamed|calm|jealous|grateful|weary|stubborn"
    ),
    "weather": _split(
        "cold rain|thick fog|bright sunshine|a north wind|heavy snow|a thin mist|loud thunder|"
        "a sudden shower|sharp frost|warm air"
    ),
    "number": _split(
        "three|five|seven|eight|eleven|twelve|fifteen|19|twenty six|34|forty|58|sixty three|"
        "75|eighty|ninety nine|140|two thousand"
    ),
    "year": _split("1807|1824|1849|1866|1875|1891|1903|1912|1927|1934|1958|1963|1979|1986"),
    "task": _split(
        "fix the roof|learn the violin|draw a map of the coast|bake a birthday cake|"
        "catch the early train|write a letter to the judge|move the piano upstairs|"
        "plant a row of cherry trees|teach the parrot to whistle|build a small boat|"
        "wash the kitchen windows|visit the lighthouse|measure the width of the river|"
        "choose a better route|join the choir"
    ),
    "subject": _split(
        "the history of bridges|the shape of clouds|a dream about wolves|the price of coal|"
        "the future of the harbor|an unusual noise|the rules of the game|a voyage to the south|"
        "the youth orchestra|measuring the moon|the theft of a jewel|good table manners|"
        "a machine that folds paper|the value of patience"
    ),
}
"""The word lists, by slot name. Written to cover the sounds of American English."""

TEMPLATES: tuple[str, ...] = _split(
    """{person} {did} the {adj} {object} {place} {time}.
{time}, {person} {did} a {adj} {object}, and {name} helped {how}.
{name} {went} {place} with {number} {things} in a {adj} basket.
did {name} really {do} the {adj} {object} {place}, or was it {person}?
why would {person} {do} {number} {things} {time}?
{person} has {number} {things}, but {name} only wanted a {adj} {object}.
there was {weather} {time}, so {person} stayed home and made {food}.
if you see {person}, say that {name} must {task} {time}.
in {year}, {person} {went} {place} to {task}.
the {animal} {went} {place}, and the {animal2} followed {how}.
{name} and {name2} talked about {subject} until {person} felt {mood}.
have you ever tried to {task} while {person} is {mood}?
could {person} {do} the {object} {time}, please, and then {task}?
we had {food} {time}, but the {animal} ate most of it {how}.
nobody knew why {person} looked so {mood} {place}.
the {adj} {object} cost {number} dollars, which made {name} {mood}.
{person} never wanted to {task}, though {name} asked {number} times.
put the {adj} {object} {place}, and bring me {number} {things}.
how many {things} can {person} {do} {time}?
because of {weather}, {name} could not {task} {time}.
the book about {subject} was found {place} in {year}.
a {mood} {animal} slept beside the {adj} {object} {time}.
{person} said that {weather} was coming, and {name} closed the windows {how}.
either {name} will {task}, or {person} will be {mood}.
who left {number} {things} and a {adj} {object} {place}?
{name} ordered {food}, {person} chose {food2}, and I asked for tea.
I usually {do} the {things} {how}, but {time} I was too {mood}.
from page {number} onward, the story is about {subject}.
{person} gave a short talk on {subject} to {number} {mood} children.
while {name} tried to {task}, the {animal} {went} {place}.
the {object} was {adj}, the door was {adj2}, and {person} was {mood}.
what does {person} think of {subject}, now that {name} is {mood}?
{number} years ago, {person} would {task} {how}.
it takes {number} minutes to {task}, unless there is {weather}.
{name} heard the {animal} {place}, then {went} home {how}.
should we ask {person} to {task}, or leave it to {name}?
on platform {number}, {person} sold {food} and {things} {time}.
the {mood} {animal} would not share its {food} with {name}.
my sister thinks {subject} is dull, yet {person} seems {mood} about it.
since {year}, the {adj} {object} has stood {place}.""",
    "\n",
)
"""Sentence patterns; a slot with a 2 after its name takes a second, different word."""


def _fill(template: str, rng: random.Random) -> str:
    """Fill one template's slots and tidy its article and first letter."""
    chosen: dict[str, str] = {}
    for slot in re.findall(r"{(\w+)}", template):
        taken = chosen.get(slot.rstrip("2"))
        chosen[slot] = rng.choice([w for w in WORDS[slot.rstrip("2")] if w != taken])
    text = template.format(**chosen)
    text = re.sub(r"\b([Aa]) (?=[aeio]|un|um)", r"\1n ", text)
    return text[0].upper() + text[1:]


def compose(seed: int, shortest: int = 8, longest: int = 16) -> Iterator[str]:
    """Yield distinct sentences for ever, `shortest` to `longest` words each, in a seeded order.

    The templates are used in turn, reshuffled each round, so all of them stay equally common.
    No sentence of `HELDOUT` is ever given.
    """
    rng = random.Random(seed)
    seen = set(HELDOUT)
    while True:
        for template in rng.sample(TEMPLATES, len(TEMPLATES)):
            text = _fill(template, rng)
            if text not in seen and shortest <= len(text.split()) <= longest:
                seen.add(text)
                yield text
