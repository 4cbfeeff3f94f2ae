"""The 1,000 classes the image tower was taught: their WordNet synsets, their words, and the names people use."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

OWN_NAMES = {
    "n01514668": "rooster",
    "n01608432": "kite bird",
    "n01664065": "loggerhead turtle",
    "n01685808": "whiptail lizard",
    "n01755581": "diamondback rattlesnake",
    "n01756291": "sidewinder snake",
    "n01817953": "African grey parrot",
    "n01847000": "drake duck",
    "n01871265": "tusker elephant",
    "n02012849": "crane bird",
    "n02113023": "Pembroke corgi",
    "n02113186": "Cardigan corgi",
    "n02134084": "polar bear",
    "n02231487": "stick insect",
    "n02276258": "red admiral butterfly",
    "n02277742": "ringlet butterfly",
    "n02279972": "monarch butterfly",
    "n02325366": "cottontail rabbit",
    "n02328150": "Angora rabbit",
    "n02389026": "sorrel horse",
    "n02486261": "patas monkey",
    "n02492035": "capuchin monkey",
    "n02493509": "titi monkey",
    "n02497673": "ring-tailed lemur",
    "n02509815": "red panda",
    "n02536864": "coho salmon",
    "n02606052": "rock beauty fish",
    "n02607072": "clownfish",
    "n02641379": "gar fish",
    "n02655020": "pufferfish",
    "n02704792": "amphibious vehicle",
    "n02747177": "trash can",
    "n02783161": "ballpoint pen",
    "n02786058": "adhesive bandage",
    "n02797295": "wheelbarrow",
    "n02814533": "station wagon",
    "n02817516": "bearskin hat",
    "n02835271": "tandem bicycle",
    "n02840245": "ring binder",
    "n02879718": "archery bow",
    "n02892201": "brass plaque",
    "n02892767": "bra",
    "n02930766": "taxi",
    "n02939185": "cauldron",
    "n02992529": "cell phone",
    "n03014705": "wooden chest",
    "n03017168": "wind chime",
    "n03047690": "clog shoe",
    "n03126707": "construction crane",
    "n03131574": "baby crib",
    "n03187595": "rotary telephone",
    "n03337140": "filing cabinet",
    "n03424325": "gas mask",
    "n03445924": "golf cart",
    "n03459775": "car grille",
    "n03483316": "hair dryer",
    "n03492542": "hard disk",
    "n03496892": "combine harvester",
    "n03584829": "clothes iron",
    "n03594734": "jeans",
    "n03595614": "T-shirt",
    "n03599486": "rickshaw",
    "n03673027": "ocean liner",
    "n03680355": "loafer shoe",
    "n03697007": "sawmill",
    "n03710721": "swimsuit",
    "n03786901": "mortar and pestle",
    "n03793489": "computer mouse",
    "n03803284": "dog muzzle",
    "n03825788": "baby bottle nipple",
    "n03854065": "pipe organ",
    "n03877472": "pajamas",
    "n03884397": "pan flute",
    "n03902125": "payphone",
    "n03929660": "plectrum",
    "n03950228": "water pitcher",
    "n03954731": "carpenter's plane",
    "n03991062": "flowerpot",
    "n04019541": "hockey puck",
    "n04037443": "race car",
    "n04039381": "tennis racket",
    "n04118776": "ruler",
    "n04131690": "salt shaker",
    "n04141076": "saxophone",
    "n04141975": "weighing scale",
    "n04152593": "computer screen",
    "n04243546": "slot machine",
    "n04325704": "fur stole",
    "n04344873": "sofa bed",
    "n04355933": "sunglasses",
    "n04356056": "dark glasses",
    "n04367480": "mop",
    "n04372370": "light switch",
    "n04399382": "teddy bear",
    "n04417672": "thatched roof",
    "n04462240": "toy shop",
    "n04515003": "upright piano",
    "n04517823": "vacuum cleaner",
    "n04553703": "wash basin",
    "n04554684": "washing machine",
    "n04592741": "airplane wing",
    "n04604644": "split-rail fence",
    "n04606251": "shipwreck",
    "n06359193": "website",
    "n07615774": "popsicle",
    "n07684084": "baguette",
    "n07697537": "hot dog",
    "n07714571": "cabbage",
    "n07742313": "Granny Smith apple",
    "n07875152": "pot pie",
    "n09835506": "baseball player",
    "n10148035": "bridegroom",
    "n12620546": "rose hip",
    "n12768682": "horse chestnut",
    "n13037406": "gyromitra mushroom",
    "n13044778": "earthstar mushroom",
    "n13054560": "bolete mushroom",
    "n13133613": "ear of corn",
    "n15075141": "toilet paper",
}
"""Names of our own, where WordNet's first word is ambiguous, stilted or shared by two classes."""

_LATIN = re.compile(r"[A-Z][a-z]+ [a-z]+")


@cache
def class_synsets() -> tuple[str, ...]:
    """WordNet ids of the classes, such as n02084071, in the order of the classifier's outputs."""
    return tuple(_table("imagenet_synsets.txt").split())


@cache
def class_lemmas() -> tuple[tuple[str, ...], ...]:
    """Each class's words in WordNet, commonest first, without the scientific names at the end."""
    words = dict(line.split("\t", 1) for line in _table("imagenet_synset_to_lemma.txt").splitlines())
    return tuple(_without_latin(words[synset].split(", ")) for synset in class_synsets())


def class_names() -> tuple[str, ...]:
    """One name a person would use for each class; no two classes share one."""
    return tuple(
        OWN_NAMES.get(synset, lemmas[0]) for synset, lemmas in zip(class_synsets(), class_lemmas(), strict=True)
    )


def _without_latin(lemmas: list[str]) -> tuple[str, ...]:
    # Binomials come after the common names: "tench, Tinca tinca"; "Egyptian cat" comes first and stays.
    return (lemmas[0], *(lemma for lemma in lemmas[1:] if not _LATIN.fullmatch(lemma)))


def _table(name: str) -> str:
    return (resources.files("timm") / "data" / "_info" / name).read_text(encoding="utf-8")
