# Read by CMake while Pyfhel builds its copy of Microsoft SEAL (see build-pyfhel.sh).
#
# By default that build clones GSL, zlib and zstd with git. Blindsight needs none of them: they only
# compress saved ciphertexts, which look random and hardly shrink. Pyfhel sets these options on CMake's
# command line, so FORCE is what lets this file have the last word.
foreach(option IN ITEMS SEAL_BUILD_DEPS SEAL_USE_MSGSL SEAL_USE_ZLIB SEAL_USE_ZSTD)
  set(${option} OFF CACHE BOOL "" FORCE)
endforeach()
