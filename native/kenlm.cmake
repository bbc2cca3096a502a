# The command-line tools that make language models: KenLM's lmplz and build_binary, built from its
# source distribution and shipped with the package. Without a network, or without Boost, the build
# goes on without them and says what is missing; decoding needs neither.

set(KENLM_VERSION 0.3.0)
set(KENLM_SHA256 c4628bb9fb63c8a6f9240035b8b037385cfc404cb72e933cf48878291edac1e8)
set(KENLM_FETCH ${CMAKE_BINARY_DIR}/kenlm-sdist)
set(KENLM_ARCHIVE ${KENLM_FETCH}/kenlm-${KENLM_VERSION}.tar.gz)
set(KENLM_SOURCE ${KENLM_FETCH}/kenlm-${KENLM_VERSION})

set(STT_KENLM_SDIST "$ENV{STT_KENLM_SDIST}" CACHE FILEPATH
  "kenlm-${KENLM_VERSION}.tar.gz, for builds without a network")

# pip fetches it, from wherever it is set up to look.
function(download_kenlm)
  file(WRITE ${KENLM_FETCH}/requirements.txt
    "kenlm==${KENLM_VERSION} --hash=sha256:${KENLM_SHA256}\n")
  # Once with the build environment's setuptools, which is quick; else with a fresh one.
  foreach(isolation --no-build-isolation --use-pep517)
    execute_process(
      COMMAND ${Python_EXECUTABLE} -m pip download --quiet --disable-pip-version-check --no-deps
        --no-binary kenlm ${isolation} --require-hashes --timeout 20 --retries 1
        --dest ${KENLM_FETCH} --requirement ${KENLM_FETCH}/requirements.txt
      TIMEOUT 300 OUTPUT_QUIET ERROR_VARIABLE errors RESULT_VARIABLE status)
    if(EXISTS ${KENLM_ARCHIVE})
      return()
    endif()
  endforeach()
  # Of all that pip says, the last error is the one that tells.
  string(REGEX MATCHALL "ERROR: [^\n]*" errors "${errors}")
  list(POP_BACK errors reason)
  if(NOT reason)
    set(reason "pip ended with: ${status}")
  endif()
  message(WARNING
    "The sources of KenLM could not be fetched: pip finds no source distribution kenlm==${KENLM_VERSION} "
    "on the package index that it is set up to use (${reason}). Going on without lmplz and "
    "build_binary, which make language models; decoding needs neither. To have them, fetch "
    "kenlm-${KENLM_VERSION}.tar.gz elsewhere (pip download --no-deps --no-binary kenlm "
    "kenlm==${KENLM_VERSION}) and install again with its path in the environment variable "
    "STT_KENLM_SDIST.")
endfunction()

function(fetch_kenlm)
  if(STT_KENLM_SDIST)
    get_filename_component(given ${STT_KENLM_SDIST} ABSOLUTE)
    if(NOT EXISTS ${given} OR IS_DIRECTORY ${given})
      message(FATAL_ERROR "STT_KENLM_SDIST is ${STT_KENLM_SDIST}, and there is no such file; it takes "
        "the path of kenlm-${KENLM_VERSION}.tar.gz")
    endif()
    set(KENLM_ARCHIVE ${given})
  elseif(NOT EXISTS ${KENLM_ARCHIVE})
    download_kenlm()
  endif()
  if(NOT EXISTS ${KENLM_ARCHIVE})
    return()
  endif()
  file(SHA256 ${KENLM_ARCHIVE} digest)
  if(NOT digest STREQUAL KENLM_SHA256)
    message(FATAL_ERROR "${KENLM_ARCHIVE} is not the source distribution of kenlm ${KENLM_VERSION}: its "
      "SHA-256 is ${digest}, not ${KENLM_SHA256}; delete it, or give the right one with STT_KENLM_SDIST")
  endif()
  if(NOT EXISTS ${KENLM_SOURCE}/lm)
    file(ARCHIVE_EXTRACT INPUT ${KENLM_ARCHIVE} DESTINATION ${KENLM_FETCH})
  endif()
endfunction()

# Adds the sources that match, without tests and main functions.
function(kenlm_sources target)
  foreach(pattern ${ARGN})
    file(GLOB found ${KENLM_SOURCE}/${pattern})
    list(FILTER found EXCLUDE REGEX "(test|main|benchmark)\\.cc$")
    target_sources(${target} PRIVATE ${found})
  endforeach()
endfunction()

function(kenlm_options target)
  target_include_directories(${target} PUBLIC ${KENLM_SOURCE})
  target_compile_definitions(${target} PUBLIC KENLM_MAX_ORDER=6 NDEBUG)
  target_compile_options(${target} PRIVATE -O3 -w)
  set_target_properties(${target} PROPERTIES CXX_STANDARD 11)
endfunction()

fetch_kenlm()
if(NOT EXISTS ${KENLM_SOURCE}/lm)
  return()
endif()

add_library(kenlm STATIC)
kenlm_sources(kenlm util/*.cc util/double-conversion/*.cc lm/*.cc)
kenlm_options(kenlm)
if(UNIX AND NOT APPLE)
  target_link_libraries(kenlm PUBLIC rt)
endif()

add_executable(build_binary ${KENLM_SOURCE}/lm/build_binary_main.cc)
kenlm_options(build_binary)
target_link_libraries(build_binary PRIVATE kenlm)
install(TARGETS build_binary RUNTIME DESTINATION coqui_stt_training/lm/bin)
foreach(licence LICENSE COPYING COPYING.3 COPYING.LESSER.3)
  install(FILES ${KENLM_SOURCE}/${licence} DESTINATION coqui_stt_training/lm/bin
    RENAME kenlm-${KENLM_VERSION}-${licence})
endforeach()
install(FILES ${KENLM_SOURCE}/util/double-conversion/LICENSE
  DESTINATION coqui_stt_training/lm/bin RENAME kenlm-${KENLM_VERSION}-double-conversion-LICENSE)

set(Boost_USE_STATIC_LIBS ON)
find_package(Boost 1.41 QUIET COMPONENTS program_options thread)
if(NOT Boost_FOUND)
  set(Boost_USE_STATIC_LIBS OFF)
  find_package(Boost 1.41 QUIET COMPONENTS program_options thread)
endif()
if(NOT Boost_FOUND)
  message(WARNING "Boost is missing; going on without lmplz, which makes language models from text. "
    "To have it: apt-get install libboost-program-options-dev libboost-thread-dev, and install again.")
  return()
endif()

add_executable(lmplz ${KENLM_SOURCE}/lm/builder/lmplz_main.cc)
kenlm_sources(lmplz lm/builder/*.cc lm/common/*.cc util/stream/*.cc)
kenlm_options(lmplz)
target_link_libraries(lmplz PRIVATE kenlm Boost::program_options Boost::thread Threads::Threads)
install(TARGETS lmplz RUNTIME DESTINATION coqui_stt_training/lm/bin)
