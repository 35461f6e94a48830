# The templates of job files become text in the program, so that it has them wherever it is installed: JOB_TEMPLATES.
set(JOB_TEMPLATES ${CMAKE_CURRENT_BINARY_DIR}/job_templates.cpp)
set(TEXT "// Made from launch/cluster/job_files/slurm, pbs, kubernetes and apptainer.
#include \"launch/cluster/job_files/template.h\"

namespace gemring {
")
foreach(TEMPLATE kSlurmSrunTemplate=slurm/srun.sbatch kSlurmMpirunTemplate=slurm/mpirun.sbatch
        kPbsTemplate=pbs/gemring.pbs kKubernetesTemplate=kubernetes/mpijob.yaml kApptainerTemplate=apptainer/gemring.sh)
  string(REPLACE "=" ";" TEMPLATE ${TEMPLATE})
  list(POP_FRONT TEMPLATE NAME FILE)
  file(READ job_files/${FILE} CONTENTS)
  string(APPEND TEXT "const std::string_view ${NAME} = R\"TEMPLATE(${CONTENTS})TEMPLATE\";\n")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/job_files/${FILE})
endforeach()
file(WRITE ${JOB_TEMPLATES}.new "${TEXT}}  // namespace gemring\n")
configure_file(${JOB_TEMPLATES}.new ${JOB_TEMPLATES} COPYONLY)  # touches it only where it changes
