# Lists the third-party components of a wheel, as a CycloneDX file in its metadata
# (https://peps.python.org/pep-0770/).

set(SBOM_COMPONENTS "")

# Adds a library; `how` describes in which way it is part of a wheel.
function(add_to_sbom name version licence how)
  set(component "
    {
      \"type\": \"library\",
      \"bom-ref\": \"${name}\",
      \"name\": \"${name}\",
      \"version\": \"${version}\",
      \"description\": \"${how}\",
      \"licenses\": [{\"license\": {\"id\": \"${licence}\"}}]
    }")
  if(SBOM_COMPONENTS)
    string(PREPEND component ",")
  endif()
  set(SBOM_COMPONENTS "${SBOM_COMPONENTS}${component}" PARENT_SCOPE)
endfunction()

function(list_kenlm_in_sbom)
  if(TARGET build_binary)
    add_to_sbom(kenlm "${KENLM_VERSION}" LGPL-2.1-or-later
      "the programs build_binary and lmplz, by themselves")
    add_to_sbom(double-conversion "in KenLM ${KENLM_VERSION}" BSD-3-Clause "within these programs")
  endif()
  if(TARGET lmplz)
    add_to_sbom(boost "${Boost_VERSION_STRING}" BSL-1.0 "within lmplz")
  endif()
  set(SBOM_COMPONENTS "${SBOM_COMPONENTS}" PARENT_SCOPE)
endfunction()

add_to_sbom(nanobind "${nanobind_VERSION}" BSD-3-Clause "within both native modules")
add_to_sbom(robin-map "in nanobind ${nanobind_VERSION}" MIT "within both native modules")
list_kenlm_in_sbom()
configure_file(native/sbom.cdx.json.in ${CMAKE_BINARY_DIR}/coqui-stt.cdx.json @ONLY)
if(SKBUILD_METADATA_DIR)
  install(FILES ${CMAKE_BINARY_DIR}/coqui-stt.cdx.json DESTINATION ${SKBUILD_METADATA_DIR}/sboms)
  file(GLOB licence ${nanobind_DIR}/../../nanobind-*.dist-info/licenses/LICENSE)
  install(FILES ${licence} DESTINATION ${SKBUILD_METADATA_DIR}/licenses RENAME LICENSE.nanobind)
  # Its licence stands at the head of its header.
  file(READ ${nanobind_DIR}/../ext/robin_map/include/tsl/robin_map.h header LIMIT 4096)
  string(FIND "${header}" "*/" end)
  string(SUBSTRING "${header}" 0 ${end} head)
  string(REGEX REPLACE "(^|\n)[ /]*\\*+ ?" "\\1" head "${head}")
  file(WRITE ${CMAKE_BINARY_DIR}/LICENSE.robin-map "${head}")
  install(FILES ${CMAKE_BINARY_DIR}/LICENSE.robin-map DESTINATION ${SKBUILD_METADATA_DIR}/licenses)
endif()
