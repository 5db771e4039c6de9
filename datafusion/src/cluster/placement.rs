//! Which executor gets a task: one that has the files that the task reads.
//!
//! Ballista asks for tasks under the lock of all slots, so nothing is waited for there. Executors
//! are asked for the files of a stage in the background; until they have answered, its tasks wait.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::execution_plans::{RangeShuffleReaderExec, ShuffleReaderExec};
use ballista_core::serde::protobuf::{AvailableVcores, job_status::Status};
use ballista_core::serde::scheduler::{ExecutorMetadata, TaskKey};
use ballista_scheduler::cluster::{BoundTask, ClusterState, DistributionPolicy};
use ballista_scheduler::state::execution_graph::{TaskDescription, create_task_info};
use ballista_scheduler::state::execution_stage::RunningStage;
use ballista_scheduler::state::task_builder::restrict_plan_to_partitions;
use ballista_scheduler::state::task_manager::JobInfoCache;
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use prost::Message as _;
use tokio::sync::Notify;

use super::codec::{FileProto, files_of, searched};
use super::question::{self, ask};

/// An executor that does not answer is asked again after this time. It registers shortly before it
/// listens.
const AGAIN: Duration = Duration::from_millis(100);

/// When an executor that does not answer counts as one without the files. One that died is removed
/// earlier.
const PATIENCE: Duration = Duration::from_secs(15);

/// The policy, and what executors have answered.
pub(super) struct Placement {
    cluster: Arc<dyn ClusterState>,
    jobs: Arc<Mutex<Jobs>>,
    /// Notified when an answer has come, so that tasks that wait for it can be given away.
    pub(super) answered: Arc<Notify>,
}

type Jobs = HashMap<JobId, HashMap<StageKey, Stage>>;

/// The number of a stage in its job, and of the attempt: another attempt asks again.
type StageKey = (usize, usize);

/// What is known of a stage.
struct Stage {
    /// The files that it reads, each once.
    files: Arc<[FileProto]>,
    /// The files of each partition, by their place in `files`.
    partitions: Vec<Vec<usize>>,
    /// By the name of the executor.
    answers: HashMap<String, State>,
    /// Whether every executor of the beginning has answered, or was asked once in vain. Tasks are
    /// given away after that, so that not all of them go to the one that answers first.
    has_begun: bool,
}

enum State {
    Asked,
    /// It has not answered yet, and is asked again.
    Silent,
    /// It has answered, or is no longer asked.
    Known(Option<question::Answer>),
}

/// What happens to a task.
enum Decision {
    /// It goes to the executor at this place in the list of those with free slots.
    Give(usize),
    /// The same, to report that no executor has all of its files.
    Report(usize),
    Wait,
}

impl Placement {
    pub(super) fn new(cluster: Arc<dyn ClusterState>) -> Placement {
        Placement { cluster, jobs: Arc::default(), answered: Arc::default() }
    }

    /// Gives tasks of a stage to executors with free slots. The others stay pending.
    fn bind(
        &self,
        (job, session): (&JobId, &str),
        stage: &mut RunningStage,
        registered: &[ExecutorMetadata],
        budgets: &mut [&mut AvailableVcores],
    ) -> Vec<BoundTask> {
        let mut jobs = lock(&self.jobs);
        let key = (stage.stage_id, stage.stage_attempt_num);
        let known = jobs.entry(job.clone()).or_default().entry(key).or_insert_with(|| Stage::of(stage));
        self.ask(job, key, known, registered);

        let pending = stage.pending.next_slice(usize::MAX);
        let tasks = if pending.is_empty() {
            Vec::new()
        } else if is_one_task(&stage.plan) {
            vec![pending]
        } else {
            pending.into_iter().map(|partition| vec![partition]).collect()
        };
        let (mut bound, mut waiting) = (Vec::new(), Vec::new());
        for partitions in tasks {
            if budgets.iter().all(|budget| budget.vcores == 0) {
                waiting.extend(partitions);
                continue;
            }
            match known.decide(&partitions, registered, budgets) {
                Decision::Give(to) => bound.push(give(stage, partitions, (job, session), budgets[to])),
                Decision::Report(to) => {
                    let mut given = give(stage, partitions, (job, session), budgets[to]);
                    let note = known.looked_in(registered).into();
                    given.1.plan = searched(&given.1.plan, &note).unwrap_or(given.1.plan);
                    bound.push(given);
                }
                Decision::Wait => waiting.extend(partitions),
            }
        }
        stage.pending.reschedule(waiting);
        bound
    }

    /// Asks executors that were not asked for this stage yet.
    fn ask(&self, job: &JobId, key: StageKey, stage: &mut Stage, registered: &[ExecutorMetadata]) {
        if stage.files.is_empty() {
            return;
        }
        for executor in registered {
            if stage.answers.contains_key(&executor.id) {
                continue;
            }
            stage.answers.insert(executor.id.clone(), State::Asked);
            let (files, job, executor) = (Arc::clone(&stage.files), job.clone(), executor.clone());
            let (jobs, answered) = (Arc::clone(&self.jobs), Arc::clone(&self.answered));
            tokio::spawn(async move {
                let begun = Instant::now();
                loop {
                    let answer = match ask(&executor, &files).await {
                        Ok(answer) => State::Known(Some(answer)),
                        Err(_) if begun.elapsed() < PATIENCE => State::Silent,
                        Err(_) => State::Known(None),
                    };
                    let is_last = matches!(answer, State::Known(_));
                    // The job may be over.
                    let is_wanted = match lock(&jobs).get_mut(&job).and_then(|stages| stages.get_mut(&key)) {
                        Some(stage) => stage.answers.insert(executor.id.clone(), answer).is_some(),
                        None => false,
                    };
                    answered.notify_one();
                    if is_last || !is_wanted {
                        return;
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            });
        }
    }
}

fn lock(jobs: &Mutex<Jobs>) -> MutexGuard<'_, Jobs> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stage {
    fn of(stage: &RunningStage) -> Stage {
        let (mut files, mut places) = (Vec::new(), HashMap::new());
        let mut partitions = Vec::new();
        for partition in 0..stage.pending.total_partitions() {
            // A part that cannot be cut out of the plan is treated as if it read everything.
            let part = restrict_plan_to_partitions(Arc::clone(&stage.plan), &[partition]);
            let part = part.unwrap_or_else(|_| Arc::clone(&stage.plan));
            let mut read: Vec<usize> = Vec::new();
            for file in files_of(&part) {
                let next = files.len();
                let place = *places.entry(file.encode_to_vec()).or_insert(next);
                if place == next {
                    files.push(file);
                }
                read.push(place);
            }
            partitions.push(read);
        }
        Stage { files: files.into(), partitions, answers: HashMap::new(), has_begun: false }
    }

    fn decide(
        &mut self,
        partitions: &[usize],
        registered: &[ExecutorMetadata],
        budgets: &[&mut AvailableVcores],
    ) -> Decision {
        let files = partitions.iter().flat_map(|partition| self.partitions.get(*partition)).flatten();
        let most_free = |may_have: &dyn Fn(&str) -> bool| {
            let free = budgets.iter().enumerate();
            let free = free.filter(|(_, budget)| budget.vcores > 0 && may_have(&budget.executor_id));
            let most = free.max_by_key(|(_, budget)| budget.vcores);
            most.map(|(place, _)| place)
        };
        if files.clone().next().is_none() {
            return most_free(&|_| true).map_or(Decision::Wait, Decision::Give);
        }
        let answers = || registered.iter().filter_map(|executor| self.answers.get(&executor.id));
        let has_begun = self.has_begun || answers().all(|answer| !matches!(answer, State::Asked));
        let is_known = answers().all(|answer| matches!(answer, State::Known(_)));
        let has_all = |executor: &str| match self.answers.get(executor) {
            Some(State::Known(Some(answer))) => files.clone().all(|file| answer.has[*file]),
            _ => false,
        };
        let is_anywhere = registered.iter().any(|executor| has_all(&executor.id));
        let decision = match (has_begun, is_anywhere, is_known) {
            (false, ..) => Decision::Wait,
            (true, true, _) => most_free(&has_all).map_or(Decision::Wait, Decision::Give),
            (true, false, false) => Decision::Wait,
            // Any of them says which file it lacks.
            (true, false, true) => most_free(&|_| true).map_or(Decision::Wait, Decision::Report),
        };
        self.has_begun = has_begun;
        decision
    }

    /// The folders of the executors, for an error.
    fn looked_in(&self, registered: &[ExecutorMetadata]) -> String {
        let mut text = "; no executor has all shards of the task: ".to_owned();
        for (at, executor) in registered.iter().enumerate() {
            let folders = match self.answers.get(&executor.id) {
                Some(State::Known(Some(answer))) if answer.folders.is_empty() => "no folder of its own",
                Some(State::Known(Some(answer))) => &answer.folders,
                _ => "no answer",
            };
            let comma = if at > 0 { ", " } else { "" };
            text = format!("{text}{comma}{}:{} ({folders})", executor.host, executor.port);
        }
        text
    }
}

/// Whether the parts of a stage must be one task: an operator of it expects the rows of all
/// partitions. As `stage_has_input_collapse` of Ballista, which is private.
fn is_one_task(plan: &Arc<dyn ExecutionPlan>) -> bool {
    fn walk(node: &Arc<dyn ExecutionPlan>) -> bool {
        let is_reader = node.downcast_ref::<ShuffleReaderExec>().is_some()
            || node.downcast_ref::<RangeShuffleReaderExec>().is_some();
        if is_reader {
            return false;
        }
        if node.properties().output_partitioning().partition_count() == 1 {
            return true;
        }
        matches!(node.children()[..], [child] if walk(child))
    }
    matches!(plan.children()[..], [child] if walk(child))
}

/// Makes a task of these partitions, as `bind_one` of Ballista does, which is private. A task takes
/// one slot: it has one partition, or its operators run as one.
fn give(
    stage: &mut RunningStage,
    partitions: Vec<usize>,
    (job, session): (&JobId, &str),
    budget: &mut AvailableVcores,
) -> BoundTask {
    let executor = budget.executor_id.clone();
    // The tasks of a stage are numbered in the order of this list.
    let task_id = stage.task_infos.len();
    let failures = partitions.iter().map(|partition| stage.task_failure_numbers[*partition]);
    let task_attempt = failures.max().unwrap_or(0);
    let mut info = create_task_info(executor.clone(), task_id);
    info.global_input_partition_ids.clone_from(&partitions);
    info.vcores_consumed = 1;
    stage.task_infos.push(info);
    budget.vcores -= 1;
    let task = TaskDescription {
        session_id: session.to_owned(),
        key: TaskKey { job_id: job.clone(), stage_id: stage.stage_id, task_id },
        stage_attempt_num: stage.stage_attempt_num,
        task_attempt,
        global_input_partition_ids: partitions,
        vcores_consumed: 1,
        plan: Arc::clone(&stage.plan),
        session_config: Arc::clone(&stage.session_config),
    };
    (executor, task)
}

#[async_trait]
impl DistributionPolicy for Placement {
    async fn bind_tasks(
        &self,
        mut budgets: Vec<&mut AvailableVcores>,
        running_jobs: Arc<HashMap<JobId, JobInfoCache>>,
    ) -> Result<Vec<BoundTask>> {
        lock(&self.jobs).retain(|job, _| running_jobs.contains_key(job));
        let registered = self.cluster.registered_executor_metadata().await;
        let mut bound = Vec::new();
        for (job, info) in running_jobs.iter() {
            if !matches!(info.status, Some(Status::Running(_))) {
                continue;
            }
            let mut graph = info.execution_graph.write().await;
            let session = graph.session_id().to_owned();
            let mut done = Vec::new();
            while let Some(stage) = graph.fetch_running_stage(&done) {
                done.push(stage.stage_id);
                bound.extend(self.bind((job, &session), stage, &registered, &mut budgets));
            }
        }
        Ok(bound)
    }

    fn name(&self) -> &str {
        "drystone: where the files are"
    }
}

impl fmt::Debug for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Placement")
    }
}
