"""What is known of programs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from acp_agent.permission.programs import facts, reads_only, runs_others
from acp_agent.permission.wrappers import peel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from acp_agent.permission.usage import Spec

READS = """
ls -la src
ls --color=auto -1
pwd -P
cd src
cat -n f
head -5 f
head -n 5 f
tail -c 100 f
wc -l f
echo -e anything --at -all
printf '%s %d\\n' a 1
true
which -a python
type ls
stat -c %s f
file -b f
du -sh src
df -h
date
date +%Y-%m-%d
date -u -d yesterday +%s
basename /a/b .c
realpath -m f
sort -rnk2 -t, f
uniq -c f
cut -d: -f1 f
tr -d a
diff -u f g
diff -ru src sub
cmp f g
grep -rn --include=*.py foo src
grep -A3 -B 3 foo f
grep -5 foo f
grep -- -x f
rg -n foo src
rg --files
rg -tpy -g '*.toml' foo
find . -name '*.py' -type f -not -path './x/*'
find . -maxdepth 2 ( -name a -o -name b ) -print0
find . -newermt 2024-01-01
tree -L 2 -I node_modules
id -u
whoami
uname -a
hostname
sed -n 1,5p f
sed -n '$p' f
sed 's/foo/bar/g' f
sed -n '/foo/p' f
git
git --version
git status
git status -sb
git --no-pager log --oneline -5
git log --grep='rm -rf' --author=x
git log -p -n 3 -- f
git log main..feature
git diff --cached --stat
git diff HEAD~1 -- f
git show HEAD:f
git blame -L 1,5 f
git branch
git branch -a
git branch --list 'feature/*'
git branch --contains HEAD
git tag
git tag -l 'v*'
git remote -v
git stash list
git stash show -p
git reflog
git reflog show -n 5
git worktree list
git rev-parse --show-toplevel
git ls-files -o --exclude-standard
git grep -n foo
git describe --tags --always
timeout 5 ls
timeout -k 1 5s nice git status
time ls
command ls
command -v git
/bin/ls
/usr/bin/git status
""".strip().splitlines()

ACTS = """
ls --hyperlink
cat --unknown f
tail -f f
echo-like
printf -v PATH x
printf %n PATH
printf '%5ln' 'a[$(id)]'
date -s 2020-01-01
date --set=2020-01-01
date 010100002020
date -f f
date -r f
hostname evil
file -C
file -m magic f
sort -o f f
sort -of f
sort -rof f
sort --output=f f
sort --outp=f f
sort --compress-program=./x f
sort --comp=./x f
sort -T /tmp f
sort --files0-from=f
uniq f g
tree -o f
du --files0-from=f
wc --files0-from=f
grep -f f x
diff --to-file=x f
less f
more f
man ls
man --html=./x ls
rg --pre ./x foo
rg --pre=./x foo
rg -z foo
rg --search-zip foo
rg --hostname-bin=./x foo
rg -f f
rg --hidden foo
rg -uu foo
find . -delete
find . -exec rm {} ;
find . -execdir rm {} +
find . -ok rm {} ;
find . -fprint f
find . -fprintf f %p
find . -fls f
find . -name
find . -unknown
find -files0-from f
sed -i s/a/b/ f
sed -i.bak s/a/b/ f
sed --in-place s/a/b/ f
sed -in s/a/b/ f
sed -n 'e rm' f
sed -n '1e touch x' f
sed 's/x/id/e' f
sed -n 'w out' f
sed 's/x/y/w out' f
sed 's/x/y/;w out' f
sed -n '1,5p;w out' f
sed -n -f script f
sed
gsed -i '' s/a/b/ f
awk 'BEGIN{system("rm x")}'
tee f
env
printenv
env ls
sudo ls
nohup ls
exec ls
bash script.sh
python -c 1
npm test
make
cargo build
go test ./...
pytest
curl http://localhost
ssh host
xxd -r f g
test -v 'a[$(id)]'
./ls
../ls
/tmp/ls
/proc/self/root/bin/ls
~/bin/ls
LS
git -c core.pager=x log
git -C . -c core.pager=x log
git --git-dir=x status
git --work-tree=x status
git --exec-path=x status
git --config-env=core.pager=X log
git -p log
git --paginate log
git log --output=x
git log --outp=x
git log --ext-diff
git log --textconv
git log --show-signature
git diff --ext-diff
git diff --output x
git show --ext-diff
git grep -O foo
git grep --open-files-in-pager foo
git grep -f x
git cat-file --textconv HEAD:f
git cat-file --batch
git branch new
git branch -D old
git branch -d old
git branch -m a b
git branch --list a -D b
git branch --edit-description
git tag v1
git tag -d v1
git tag -a v1
git remote add a b
git remote show origin
git remote update
git stash
git stash pop
git stash drop
git stash show list drop-not
git reflog expire --all
git reflog delete HEAD@{0}
git worktree add x
git config core.pager x
git fetch
git pull
git push
git commit -m x
git checkout f
git switch x
git add f
git clean -fd
git reset --hard
git rebase -x x HEAD~1
git submodule foreach x
git submodule status
git bisect run x
git ls-remote
git archive HEAD
git bundle create x HEAD
git help log
git log --help
git difftool
git status --unknown
git unknown
timeout 5
timeout 5 rm x
timeout --strange 5 ls
time -f %e ls
time -o f ls
command
nice rm x
""".strip().splitlines()
# `git stash show` takes whatever revision follows; none of it is run.
ACTS.remove("git stash show list drop-not")


@pytest.mark.parametrize("command", READS)
def test_commands_that_only_read(command: str) -> None:
    assert reads_only(shlex.split(command))


@pytest.mark.parametrize("command", ACTS)
def test_commands_that_may_do_more(command: str) -> None:
    assert not reads_only(shlex.split(command))


RUNS = [
    ("git push origin main", ()),
    ("git push -u origin main", ()),
    ("git -c a=b push", ("-c",)),
    ("git --no-pager push", ("--no-pager",)),
    ("git rebase -x evil main", ("-x",)),
    ("git fetch --upload-pack=evil", ("--upload-pack=evil",)),
    ("git fetch --upload-pa=evil", ("--upload-pa=evil",)),
    ("git fetch 'ext::sh -c evil'", ("ext::sh -c evil",)),
    ("npm test -- --coverage", ()),
    ("npm --prefix . exec x", ("--prefix", "--prefix", "exec", "x")),
    ("tar -xf a.tar", ()),
    ("tar -xf a.tar --to-command=evil", ("--to-command=evil",)),
    ("tar -xIevil -f a.tar", ("-xIevil",)),
    ("make SHELL=evil", ("SHELL=evil",)),
    ("mytool -c x", ()),
]


@pytest.mark.parametrize(("command", "expected"), RUNS)
def test_words_that_run_something_else(command: str, expected: tuple[str, ...]) -> None:
    assert runs_others(shlex.split(command)) == expected


def test_an_inner_command_is_found_only_behind_known_options() -> None:
    assert peel(("timeout", "-k", "5", "10", "rm", "x")) == (4, True, False, False)
    assert peel(("timeout", "--strange", "10", "rm")) == (None, False, True, False)
    assert peel(("/usr/bin/timeout", "5", "rm")) == (2, False, False, False)
    assert peel(("xargs",)) == (None, False, False, False)
    assert peel(("ls",)) is None


def every(specs: Iterable[Spec]) -> Iterator[Spec]:
    for spec in specs:
        yield spec
        yield from every(spec.subcommands.values())


def test_the_table_can_be_used() -> None:
    table = facts()
    for spec in every(table.reads.values()):
        assert spec.allowed.plain.isdisjoint(spec.allowed.valued | spec.allowed.optional)
        for words in (spec.patterns, spec.globs, spec.operands_only_with):
            known = spec.allowed.plain | spec.allowed.valued | spec.allowed.optional
            assert set(words) <= known
    assert not table.interpreters & set(table.by_program)
