"""The page of a study like the origin: complete, self-contained, readable without a network."""

import html.parser
import re

import pytest

from stochmap.report import build


class _Reader(html.parser.HTMLParser):
    """Collects what a browser would fetch or follow, the ids, and the text; refuses tags that do not match."""

    void = frozenset({"meta", "br", "img", "link", "hr", "input"})

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.links, self.ids, self.tags, self.open, self.text = [], [], set(), [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [
            value for name, value in attrs if name in ("src", "href", "xlink:href", "srcset", "data", "action")
        ]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.void:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "svg", "pre"} & set(self.open):
            self.text.append(data)


@pytest.fixture(scope="module")
def report(origin):
    return build(origin.path)


@pytest.fixture(scope="module")
def source(report):
    return report.html.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(source):
    return _Reader(source)


def test_needs_nothing_else(source, page, report):
    assert not re.search(r"https?:|@import|[\"'(]//", source)
    assert not {"script", "link", "iframe", "img"} & page.tags
    for link in page.links:
        assert link.startswith(("#", "data:image/png;base64,")) or (report.html.parent / link).is_file()
    anchors = {link[1:] for link in page.links if link.startswith("#")}
    anchors |= set(re.findall(r"url\(#([^)]+)\)", source))
    assert anchors <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert len(source) < 5e6


def test_sections(page):
    assert [each for each in page.ids if re.fullmatch(r"[a-z-]+", each)] == [
        *(
            "summary",
            "overview",
            "recovery",
            "heat-maps",
            "scatter",
            "gaussian",
            "densities",
            "coverage",
            "calibration",
        ),
        *("infinite", "status", "history", "measures"),
    ]


def test_text_is_finished(page, origin):
    text = " ".join(" ".join(page.text).split())
    assert not re.search(r"\b(nan|None|inf|null|undefined)\b", text)
    assert "{{" not in text
    assert "16,384 samples" in text
    worst = max((fit for fit in origin.fits if fit["learner"] == "dirichlet"), key=lambda fit: fit["kl_fit_truth"])
    assert worst["run_id"] > 2**53
    assert str(worst["run_id"]) in text
    assert "This store is not complete" not in text


def test_findings_are_the_numbers(page, origin):
    text = " ".join(" ".join(page.text).split()).replace("\u00a0", " ")
    runs = [fit for fit in origin.fits if fit["learner"] == "dirichlet"][-64:]
    ratio = sum(fit["kl_fit_truth"] for fit in runs) / sum(fit["reference_kl_fit_truth"] for fit in runs)
    found = re.search(r"mapping, 16,384 samples: the KL error, .*?dirichlet ([\d.]+) ±", text)
    assert float(found[1]) == pytest.approx(ratio, abs=6e-3)


def test_charts(report, source):
    names = {png.stem for png in report.pngs}
    assert names >= {
        *("recovery_error_mapping", "recovery_error_gaussian", "efficiency_mapping", "heat_map_mapping_dirichlet"),
        *("scatter_mapping_maximum_likelihood", "density_gaussian_gradient_descent", "coverage_mapping"),
        *("mean_error_gaussian", "std_error_gaussian", "loss_mapping_gradient_descent", "infinite_mapping"),
    }
    assert len(names) == len(report.pngs) == source.count("<svg ")
    for png in report.pngs:
        assert png.read_bytes().startswith(b"\x89PNG")
    # colours follow the page: no chart holds the light ink itself
    charts = "".join(re.findall(r"<svg .*?</svg>", source, flags=re.DOTALL))
    assert "var(--ink)" in charts
    assert "#1c2126" not in charts


def test_queries_stand_beside_the_page(report, source):
    assert {file.parent for file in report.sql} == {report.html.parent / "sql"}
    for name in set(re.findall(r'href="sql/(\w+)\.sql"', source)):
        assert f"The SQL: {name}.sql" in source
