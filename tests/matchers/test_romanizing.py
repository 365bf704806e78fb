"""Names in Latin letters: by the table of resolution 55 of the Cabinet of Ministers (2010), and hard ones."""

import pytest

from matchers.names.romanizing import romanize

BY_TABLE = """
    Алушта Alushta, Андрій Andrii, Борщагівка Borshchahivka, Борисенко Borysenko, Вінниця Vinnytsia,
    Володимир Volodymyr, Гадяч Hadiach, Богдан Bohdan, Згурський Zghurskyi, Ґалаґан Galagan, Ґорґани Gorgany,
    Донецьк Donetsk, Дмитро Dmytro, Рівне Rivne, Олег Oleh, Есмань Esman, Єнакієве Yenakiieve, Гаєвич Haievych,
    Короп'є Koropie, Житомир Zhytomyr, Жанна Zhanna, Жежелів Zhezheliv, Закарпаття Zakarpattia, Казимирчук Kazymyrchuk,
    Медвин Medvyn, Михайленко Mykhailenko, Іванків Ivankiv, Іващенко Ivashchenko, Їжакевич Yizhakevych,
    Кадиївка Kadyivka, Йосипівка Yosypivka, Стрий Stryi, Олексій Oleksii, Київ Kyiv, Коваленко Kovalenko,
    Лебедин Lebedyn, Леонід Leonid, Миколаїв Mykolaiv, Маринич Marynych, Ніжин Nizhyn, Наталія Nataliia, Одеса Odesa,
    Онищенко Onyshchenko, Полтава Poltava, Петро Petro, Решетилівка Reshetylivka, Рибчинський Rybchynskyi, Суми Sumy,
    Соломія Solomiia, Тернопіль Ternopil, Троць Trots, Ужгород Uzhhorod, Уляна Uliana,
    Фастів Fastiv, Філіпчук Filipchuk,
    Харків Kharkiv, Христина Khrystyna, Біла Bila, Церква Tserkva, Стеценко Stetsenko, Чернівці Chernivtsi,
    Шевченко Shevchenko, Шостка Shostka, Кишеньки Kyshenky, Щербухи Shcherbukhy, Гоща Hoshcha, Гаращенко Harashchenko,
    Юрій Yurii, Корюківка Koriukivka, Яготин Yahotyn, Ярошенко Yaroshenko, Костянтин Kostiantyn,
    Знам'янка Znamianka, Феодосія Feodosiia, Розгон Rozghon
"""
OTHERS = (
    ("Шевченко Тарас Григорович", "Shevchenko Taras Hryhorovych"),  # noqa: RUF001  Ukrainian, as all of these
    ("ЩЕРБАК Ю. Є.", "SHCHERBAK Yu. Ye."),
    ("Нечуй-Левицький, Є", "Nechui-Levytskyi, Ye"),
    ("Дем\u2019янчук-Юр\u02bcєва", "Demianchuk-Yurieva"),  # noqa: RUF001
    ("Алёхин Эдуард Сычёв Объедков", "Alekhyn Eduard Sychev Obieedkov"),
    ("Сергі\u0301й Кова\u200bль", "Serhii Koval"),  # noqa: RUF001  stress, and what is not seen
    ("Cергiй", "Serhii"),  # noqa: RUF001  two Latin letters in it
    ("Іван Smith", "Ivan Smith"),
    ("Anna", "Anna"),
    ("", ""),
)


def test_names_and_places_are_written_by_the_table_of_the_resolution() -> None:
    pairs = [one.split() for one in BY_TABLE.replace("\n", " ").split(",")]
    assert len(pairs) > 60
    assert {one: romanize(one) for one, _ in pairs} == dict(pairs)


@pytest.mark.parametrize(("name", "latin"), OTHERS)
def test_others(name: str, latin: str) -> None:
    assert romanize(name) == latin


@pytest.mark.parametrize("name", ["Ўладзімір", "Ђорђевић"])
def test_letters_of_which_no_table_says_anything_are_not_guessed(name: str) -> None:
    assert romanize(name) is None
