"""The rules of the project, read from the tree itself: who imports whom, pins, lengths, and where a system's name may stand."""

import ast
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from itertools import takewhile
from pathlib import Path, PurePosixPath

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import tests.systems
from models.registry import SYSTEMS

ROOT = Path(__file__).parents[1]
LAYERS = ("toolkit", "models", "metrics", "workflow_scripts")

# What each layer may import of ours.
MAY_IMPORT = {
    "toolkit": ("toolkit",),
    "models": ("models", "toolkit"),
    "metrics": ("metrics", "models.perception", "toolkit"),
    "workflow_scripts": ("models", "metrics", "toolkit"),
}


def tree() -> list[PurePosixPath]:
    """Every file of the working tree but those that git ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("needs a git checkout")
    return sorted(PurePosixPath(name) for name in listing.stdout.split("\0") if name and (ROOT / name).is_file())


def sources(*folders: str) -> list[PurePosixPath]:
    """Python files, of some folders alone where they are given."""
    return [path for path in tree() if path.suffix == ".py" and (not folders or path.parts[0] in folders)]


def parsed(path: PurePosixPath) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), str(path))


def module_name(path: PurePosixPath) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: PurePosixPath, modules: set[str]) -> set[str]:
    """Names of the modules that a file imports anywhere, ours (`modules`) down to the file."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno} imports relatively"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= whole & modules
            if whole - modules:
                found.add(node.module)
    return found


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """For each module of ours, what it imports."""
    paths = sources(*LAYERS)
    modules = {module_name(path) for path in paths}
    return {module_name(path): imported(path, modules) for path in paths}


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def test_layers_import_downwards(imports):
    wrong = [
        f"{module} imports {name}"
        for module, names in imports.items()
        for name in sorted(names)
        if name.split(".")[0] in LAYERS
        and not any(within(name, package) for package in MAY_IMPORT[module.split(".")[0]])
    ]
    assert not wrong


def test_no_system_is_imported_but_by_itself(imports):
    wrong = [
        f"{module} imports {name}"
        for module, names in imports.items()
        for name in sorted(names)
        for package in SYSTEMS.values()
        if within(name, package) and not within(module, package)
    ]
    assert not wrong


def test_no_cycles(imports):
    ours = {module: names & imports.keys() - {module} for module, names in imports.items()}
    list(TopologicalSorter(ours).static_order())  # raises CycleError, which names the cycle


@pytest.mark.parametrize("package", [*SYSTEMS.values(), "models.planning", "models.configuration", "toolkit.devices"])
def test_planning_needs_no_torch(package):
    """Snakemake imports these while it plans, in every job anew."""
    code = f"import sys, {package}; sys.exit(', '.join({{'torch', 'lightning'}} & sys.modules.keys()) or 0)"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_files_say_what_they_are():
    """Docstrings of modules; an empty `__init__` has nothing to say, and a test's name says it."""
    paths = [path for path in sources() if path.parts[0] != "tests"]
    bare = [str(path) for path in paths if (module := parsed(path)).body and not ast.get_docstring(module)]
    assert not bare


def test_files_are_read_in_one_sitting():
    long = {}
    for path in tree():
        if path.suffix in (".py", ".smk") or path.name == "Snakefile":
            lines = (ROOT / path).read_text(encoding="utf-8").count("\n")
            if lines >= {"Snakefile": 60, "common.smk": 220}.get(path.name, 451):
                long[str(path)] = lines
    assert not long


def test_a_module_and_its_test_are_found_from_each_other():
    """`models/unet.py` is tested in `tests/models/test_unet.py`, and so is a package. A test of several modules stands where they
    do, has a name that none of them has and says in its docstring what it tests together.
    """
    modules = {module_name(path) for path in sources(*LAYERS)}
    wrong = []
    for path in sources("tests"):
        mirrored = path.relative_to("tests")
        if not path.name.startswith("test_") or mirrored.parts[0] not in LAYERS:
            continue
        module = module_name(mirrored.with_name(path.name.removeprefix("test_")))
        tested = imported(path, modules) & modules
        if module in modules:
            # A package may hand out what its modules define.
            if not any(within(name, module) or within(module, name) for name in tested):
                wrong.append(f"{path} imports nothing of {module}")
        elif not ast.get_docstring(parsed(path)):
            wrong.append(f"{path} has no docstring, and there is no {module}")
        elif (
            len(subjects := [name for name in tested if within(module, "toolkit") or not within(name, "toolkit")]) == 1
        ):
            wrong.append(f"{path} tests {subjects[0]} alone, so it takes that name")
    assert not wrong


ABOLISHED = re.compile(
    r"\b(draw|draws|drawn|drawing|deal|deals|dealt|hear|hears|heard|hearing|listen|listens|listening|told|asked|asking|walk|walks"
    r"|walked|course|stairs|leads|making|house|door|storeys?)\b",
    re.IGNORECASE,
)


def test_the_fields_words_stand_in_code_and_rules():
    """docs/words.md: what these words stood for has one of the field's. In names, too, between underscores."""
    lines = []
    for path in tree():
        is_code = path.suffix in (".py", ".smk", ".yaml") or path.name == "Snakefile"
        if not is_code or path.parts[0] in ("tests", "benchmarks", "demo") or path.name == "paper.yaml":
            continue
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), start=1):
            if ABOLISHED.search(line.replace("_", " ")) and "from skimage.draw import" not in line:
                lines.append(f"{path}:{number}: {line.strip()}")
    assert lines == []


def test_names_of_ours_are_imported_as_they_are():
    """`import x as y` of our own: the name is to be changed, not the import."""
    renamed = [
        f"{path}: {alias.name} as {alias.asname}"
        for path in sources()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").partition(".")[0] in (*LAYERS, "benchmarks", "tests")
        for alias in node.names
        if alias.asname
    ]
    assert renamed == []


def test_every_system_has_its_row_in_the_tests_table():
    assert {"still", *tests.systems.SYSTEMS} == SYSTEMS.keys()


def test_libraries_that_are_not_used(imports):
    unwanted = {"torchvision", "torchaudio"}
    assert not [module for module, names in imports.items() if unwanted & {name.split(".")[0] for name in names}]
    assert not unwanted & pins().keys()


def calls(path: PurePosixPath) -> list[ast.Call]:
    return [node for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]


def option(call: ast.Call, name: str) -> str | None:
    return next((ast.unparse(word.value) for word in call.keywords if word.arg == name), None)


def test_pickles_are_read_in_three_places():
    """Only three files, which know how, may read with more than torch's weights-only reader."""
    knowing = {PurePosixPath(f"{name}.py") for name in ("models/checkpoints", "models/torchscript", "toolkit/pickles")}
    loaders = {"pickle.load", "pickle.loads", "pickle.Unpickler"}
    others = [path for path in sources(*LAYERS) if path not in knowing]
    wrong = [
        f"{path}:{call.lineno}"
        for path in others
        for call in calls(path)
        if (function := ast.unparse(call.func)) in loaders
        or (function == "torch.load" and option(call, "weights_only") != "True")
        or (function in ("np.load", "numpy.load") and option(call, "allow_pickle") not in (None, "False"))
    ]
    assert not wrong
    assert not [str(path) for path in others if "pickle.Unpickler" in (ROOT / path).read_text(encoding="utf-8")]


def test_weights_are_loaded_strictly():
    wrong = [
        f"{path}:{call.lineno}"
        for path in sources(*LAYERS)
        for call in calls(path)
        if ast.unparse(call.func).endswith("load_state_dict") and option(call, "strict") not in (None, "True")
    ]
    assert not wrong


def pins() -> dict[str, str]:
    """Pinned version by package."""
    found = {}
    for name in ("requirements.txt", "requirements-test.txt"):
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                package, _, version = line.partition("==")
                assert version, f"{name}: {line} is not pinned"
                found[canonicalize_name(package)] = version
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.name)
def test_environments_agree_with_requirements(path):
    environment = yaml.safe_load(path.read_text(encoding="utf-8"))
    [packages] = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    expected = pins()
    for line in packages:
        package, _, version = line.partition("==")
        assert (line, expected[canonicalize_name(package)]) == (line, version)


def test_requirements_hold_what_the_project_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    expected = pins()
    for text in [*project["dependencies"], *project["optional-dependencies"]["test"]]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(expected[canonicalize_name(requirement.name)]), text


def own_block(lines: list[str], name: str) -> range:
    """Line numbers, from 0, of a system's block in config.yaml."""
    start = lines.index(f"{name}:")
    block = takewhile(lambda line: not line or line[0] in " #", lines[start + 1 :])
    return range(start, start + 1 + len(list(block)))


def naming_lines(name: str) -> list[str]:
    """Lines that name a system outside its own folder, rule file, configuration, tests, benchmarks and documents, and what
    imports and exports its users' data."""
    # `still` is an English word too: it counts where it is quoted or part of a path.
    pattern = re.compile(r"""["'`]still["'`]|(models|rules)[./]still\b""" if name == "still" else name, re.IGNORECASE)
    found = []
    for path in tree():
        own = path.is_relative_to(f"models/{name}") or path == PurePosixPath(f"rules/{name}.smk")
        importer = path.is_relative_to("toolkit/datasets") and path.stem.startswith(name)
        export = path.parts[0] in ("rules", "workflow_scripts") and path.stem.startswith(f"export_{name}")
        if (
            own
            or importer
            or export
            or path.parts[0] in ("tests", "benchmarks", "docs", "demo")
            or path.suffix == ".md"
        ):
            continue
        try:
            lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:  # pictures and recordings
            continue
        block = own_block(lines, name) if path == PurePosixPath("config.yaml") else range(0)
        found += [
            f"{path}:{number + 1}: {line.strip()}"
            for number, line in enumerate(lines)
            if pattern.search(line)
            and number not in block
            and not (path == PurePosixPath("config.yaml") and line.startswith("systems:"))
        ]
    return found


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_systems_name_stands_on_one_registry_line(name):
    lines = naming_lines(name)
    assert [line.partition(":")[0] for line in lines] == ["models/registry.py"], lines


def option_names(schema: dict) -> set[str]:
    """Every key that a system's schema knows, at any depth."""
    properties = schema.get("properties", {})
    return set(properties).union(*(option_names(part) for part in properties.values()))


@pytest.mark.parametrize("name", SYSTEMS)
def test_shared_rules_know_no_systems_own_options(name):
    shared = {"preset", "weights", "speech", "training", "sampling"}
    schema = yaml.safe_load((ROOT / f"models/{name}/options.schema.yaml").read_text(encoding="utf-8"))
    shared_files = ("rules/common.smk", "models/planning.py")
    text = "".join((ROOT / path).read_text(encoding="utf-8") for path in shared_files)
    known = [option for option in option_names(schema) - shared if re.search(rf"[\"\']{option}[\"\']", text)]
    assert not known
