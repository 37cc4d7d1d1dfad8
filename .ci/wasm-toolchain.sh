#!/usr/bin/env bash
# Makes sure that a Rust toolchain on this machine compiles for wasm32-unknown-unknown, and prints its name, the only
# line on standard output:
#
#     rustup run "$(.ci/wasm-toolchain.sh)" cargo build --profile component -p jvdb-component \
#         --target wasm32-unknown-unknown
#
# 1. The active toolchain, if it has the target or rustup can download it.
# 2. Else, where rustup cannot download: the toolchain "rust-web", made of Debian's packages of that name without
#    installing them. They bring no std for this target, so it is compiled from their sources. Needs network to a Debian
#    mirror, and root only if the package lists are too old to know the packages.
#
# Usage: wasm-toolchain.sh [DIRECTORY]     where rust-web is put; default ~/.local/share/rust-web. Takes about two
# minutes and 1 GB the first time, nothing after that.
set -euo pipefail
exec 3>&1 1>&2

target=wasm32-unknown-unknown
name=rust-web
prefix=${1:-${XDG_DATA_HOME:-$HOME/.local/share}/rust-web}

say() { echo "wasm-toolchain: $*"; }
fail() { say "$*"; exit 1; }
# Whether that toolchain has a std for the target.
has_target() {
  local sysroot
  sysroot=$(rustup run "$1" rustc --print sysroot 2>/dev/null) &&
    compgen -G "$sysroot/lib/rustlib/$target/lib/libstd-*.rlib" >/dev/null
}
use() { echo "$1" >&3; exit 0; }

command -v rustup >/dev/null || fail "rustup is not installed; see https://rustup.rs"
active=$(rustup show active-toolchain | cut -d ' ' -f 1)
if has_target "$active"; then use "$active"; fi
if has_target "$name"; then use "$name"; fi
if RUST_BACKTRACE=0 rustup target add --toolchain "$active" "$target"; then use "$active"; fi
say "rustup cannot download $target; making toolchain $name in $prefix from Debian packages"

command -v apt-get >/dev/null || fail "apt-get is not here either; install the target by hand and run this again"
if [ -e "$prefix" ] && [ ! -e "$prefix/.made-by-wasm-toolchain" ]; then
  fail "$prefix exists and was not made by this script; name another directory"
fi
rm -rf "$prefix"
mkdir -p "$prefix"
touch "$prefix/.made-by-wasm-toolchain"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# apt downloads as a user of its own.
chmod 755 "$work"

# The packages, unpacked. Those with a version in their name are found through what depends on them.
if ! apt-cache show rust-web-llvm >/dev/null 2>&1; then
  say "the package lists do not know rust-web-llvm; updating them"
  apt-get update -qq
fi
depends() { apt-cache depends "$1" | sed -n "s/^ *Depends: \($2\)\$/\1/p" | head -n 1; }
find_packages() {
  std=$(depends libstd-rust-web-dev 'libstd-rust-web-[0-9.]*')
  llvm=
  [ -z "$std" ] || llvm=$(depends "$std" 'libllvm[0-9]*')
  apt-cache show rust-web-llvm >/dev/null 2>&1 && [ -n "$llvm" ] ||
    fail "the package lists have no rust-web-llvm: add the security archive of this Debian to apt's sources"
}
download() {
  apt-get download -qq -o APT::Sandbox::User=root \
    rustc-web libstd-rust-web-dev "$std" rust-web-src rust-web-llvm "$llvm" "lld-${llvm#libllvm}"
}
find_packages
(
  cd "$work"
  # Lists that are too old name packages that the mirror has replaced.
  download || { apt-get update -qq && find_packages && download; }
  for package in *.deb; do dpkg -x "$package" "$prefix"; done
)
usr=$prefix/usr
libraries=$(dirname "$(find "$usr/lib" -name 'librustc_driver-*.so' -print -quit)")
sources=$(readlink -f "$usr/lib/rustlib/src/rust")
find "$sources" -mindepth 1 -maxdepth 1 ! -name library -exec rm -rf {} +

# Each program finds the unpacked libraries.
wrap() { # PROGRAM AT
  mkdir -p "$(dirname "$2")"
  rm -f "$2"
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%s${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec %s "$@"\n' "$libraries" "$1" >"$2"
  chmod +x "$2"
}
for program in rustc rustdoc; do
  mv "$usr/bin/$program" "$usr/bin/$program.bin"
  wrap "$usr/bin/$program.bin" "$usr/bin/$program"
done
host=$("$usr/bin/rustc" -vV | sed -n 's/^host: //p')
tools=$usr/lib/rustlib/$host/bin
[ -x "$tools/wasm-component-ld" ] || fail "Debian's rust-web-llvm has no wasm-component-ld"
lld=$usr/lib/llvm-${llvm#libllvm}/bin
wrap "$lld/lld" "$tools/rust-lld"
wrap "$lld/wasm-ld" "$tools/gcc-ld/wasm-ld"
cargo=$(rustup which --toolchain "$active" cargo)
ln -sfn "$cargo" "$usr/bin/cargo"

# std for the target, from the sources of this very compiler and the crates that come with them. With bitcode, so that
# link-time optimization reaches into it.
say "compiling std for $target"
mkdir -p "$work/std/src" "$work/std/.cargo"
cd "$work/std"
echo '#![no_std]' >src/lib.rs
cat >Cargo.toml <<'END'
[package]
name = "nothing"
version = "0.0.0"
edition = "2024"
[profile.release]
panic = "abort"
[workspace]
END
cat >.cargo/config.toml <<END
[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "$sources/library/vendor"
END
env -u RUSTUP_TOOLCHAIN -u RUSTC_WRAPPER RUSTC="$usr/bin/rustc" RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Cembed-bitcode=yes \
  CARGO_TARGET_DIR="$work/target" \
  "$cargo" build --quiet --release -Zbuild-std=std,panic_abort --target $target

# Moved in one step: a std that is there is whole.
mkdir -p "$work/lib"
find "$work/target/$target/release/deps" -name 'lib*.rlib' ! -name 'libnothing-*' -exec cp {} "$work/lib/" \;
mkdir -p "$usr/lib/rustlib/$target"
cp -r "$work/lib" "$usr/lib/rustlib/$target/lib.new"
mv "$usr/lib/rustlib/$target/lib.new" "$usr/lib/rustlib/$target/lib"
rustup toolchain link "$name" "$usr"
has_target "$name" || fail "$usr is complete, but does not compile for $target"
say "$("$usr/bin/rustc" --version) is ready"
use "$name"
