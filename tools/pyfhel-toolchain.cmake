# Read by CMake while Pyfhel builds its copy of Microsoft SEAL (see build-pyfhel.sh).
#
# By default that build clones GSL, zlib and zstd with git. Blindsight needs none of them: they only
# compress saved ciphertexts, which look random and hardly shrink. Pyfhel sets these options on CMake's
# command line, so FORCE is what lets this file have the last word.
foreach(option IN ITEMS SEAL_BUILD_DEPS SEAL_USE_MSGSL SEAL_USE_ZLIB SEAL_USE_ZSTD)
  set(${option} OFF CACHE BOOL "" FORCE)
endforeach()

# SEAL's headers are in no wheel, and the engine's module `seeded` needs them. So they go to the folder BLINDSIGHT_SEAL
# once SEAL is configured, which makes one of them. CMake reads this file for its own small tests too: not then.
if(EXISTS "${CMAKE_SOURCE_DIR}/native/src/seal/seal.h")
  foreach(folder IN ITEMS "${CMAKE_SOURCE_DIR}" "${CMAKE_BINARY_DIR}")
    cmake_language(EVAL CODE "cmake_language(DEFER DIRECTORY [[${CMAKE_SOURCE_DIR}]] CALL file COPY
      [[${folder}/native/src/seal]] DESTINATION [[$ENV{BLINDSIGHT_SEAL}/include]] FILES_MATCHING PATTERN *.h)")
  endforeach()
endif()
