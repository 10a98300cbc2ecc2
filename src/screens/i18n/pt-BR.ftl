## frame
skip = Ir para o conteúdo
nav = Telas
nav-work = Trabalho diário
nav-house = A casa
nav-today = Hoje
nav-scan = Leitura
nav-cases = Casos
nav-parcels = Pacotes
nav-report = Informar
nav-imports = Importações
nav-maps = Mapas de status
nav-printers = Impressoras
nav-users = Pessoas
nav-settings = Configurações
nav-jobs = Tarefas
nav-audit = Auditoria
nav-sync = Sincronização
nav-profile = Minha conta
find = Buscar um pacote
offline = O depósito não responde. O que você ler fica guardado e é enviado quando ele voltar.
log-in = Entrar
log-out = Sair
login-name = Usuário
password = Senha
password-hint = 10 caracteres ou mais; três ou quatro palavras ao acaso são boas
password-change = Trocar a senha
password-current = Senha atual
password-new = Nova senha
pin = PIN
pin-hint = 4 a 6 dígitos, para as estações
badge = Crachá
badge-hint = Leia-o aqui
door-api = A API
door-trust = Confiar neste depósito (o certificado)
fail-title = Não funcionou
fail-not-found = Não há nada aqui
fail-forbidden = Isto não é para você
fail-back = Para o início
refused = Não aceito
refused-one = não aceito
done-saved = Salvo.
done-added = Adicionado.
done-removed = Removido.
done-sent = Enviado.
done-begun = Iniciado.

## set-up
fresh-title = Um novo depósito
fresh-text = Este depósito ainda não foi configurado.
fresh-hint = Abra o link que o servidor mostrou ao iniciar: ele termina com um código de uso único.
setup-title = Configurar este depósito
setup-text = Cinco respostas, e ele funciona.
setup-tenant = Empresa
setup-tenant-hint = Letras minúsculas, dígitos, _ e -; fica depois do @ do usuário
setup-depot = Depósito
setup-depot-hint = O nome, como as pessoas dizem
setup-user = Seu usuário
setup-password = Sua senha
setup-go = Configurar
setup-over = Este depósito já está configurado
zone = Fuso horário
zone-hint = Como America/Sao_Paulo; quando o dia começa
language = Idioma
currency = Moeda
currency-hint = Três letras, como BRL

## words
name = Nome
role = Papel
roles = Papéis
users = Usuários
email = E-mail
address = Endereço
port = Porta
station = Estação
device = Aparelho
seen = Visto por último
sessions = Onde você está conectado
this-one = este
actions = Ações
save = Salvar
show = Mostrar
all = Todos
more = Próxima página
back = Voltar
remove = Remover
filter = Filtro
yes = sim
state = Estado
status = Status
status-any = Qualquer
since = Desde
to = Para
from = De
by = Por
when = Quando
due = Prazo
overdue-by = atrasado há
owner = Responsável
about = Sobre
opened = Aberto
reason = Motivo
reason-any = Qualquer motivo
note = Nota
note-add = Adicionar nota
timeline = O que aconteceu
facts = O que se sabe
place = Lugar
value = Valor
weight = Peso
weight-g = Peso em gramas
pieces = Volumes
order = Pedido
service = Serviço
carrier = Transportadora
distributor = Distribuidor
recipient = Destinatário
phone = Telefone
promised = Prometido
delivered-at = Entregue
remark = Observação
street = Rua
zip = CEP
city = Cidade
country = País
source = Origem
source-hint = De quem é o arquivo: suas palavras são lidas por esse nome
file = Arquivo
rows = Linhas
lines = Linhas do arquivo
columns = Colunas
encoding = Codificação
delimiter = Separador
code = Código
codes = Códigos
times = Vezes
parcel = Pacote
label = Etiqueta
printer = Impressora
media = Etiquetas
dpi = Resolução
waiting = Aguardando
unclear = Incerto
attempts = Tentativas
last-error = Último erro
changes = Mudanças
release = Versão
depots = Depósitos
progress = Progresso
chart-table = Os números
by-at = { $name }, { $at }
rows-more = { $n ->
    [one] Mais uma linha; refine o filtro.
   *[other] Mais { $shown } linhas; refine o filtro.
}

## today
today-now = Precisa de alguém agora
today-overdue = casos atrasados
today-mine = casos meus
today-here = no depósito
today-open = a caminho
today-late = fora do prazo
today-wrong = com algo errado
today-by-status = Onde estão os pacotes abertos
today-by-hour = Últimos passos de hoje, por hora
today-by-reason = Casos abertos por motivo
today-delivered = Entregues em 14 dias
today-delivered-late = { $late } de { $n } chegaram depois do prometido.
today-counting = Os pacotes estão sendo contados.
line-alone = Trabalha sozinho, sem matriz
line-all-known = A matriz sabe de tudo
line-sending = { $n ->
    [one] A matriz recebe uma mudança
   *[other] A matriz recebe { $shown } mudanças
}
line-offline = Linha cortada desde { $since }: { $n } mudanças aguardam, o trabalho continua
line-depots = { $n } depósitos, { $silent } deles em silêncio

## scan
scan-field = Leia ou digite qualquer código
scan-go = Ir
scan-ready = Pronto
scan-ready-hint = Pacote, número da transportadora, SSCC, AWB, contêiner ou um código da parede
scan-ok = Certo
scan-exception = Pare e veja
scan-unknown = Desconhecido
scan-duplicate = Repetido
scan-again = Lido há pouco, ou não há mais nada a fazer.
scan-nobody-knows = Ninguém anunciou este código.
scan-moved = Feito
scan-confirmed = Está onde estava
scan-pending = Próximo pacote: { $action }
scan-placed = Pacotes vão para { $place }
scan-cleared = De volta à chegada de pacotes
scan-undone = A última leitura foi desfeita
scan-case-opened = Há um caso aberto para este volume
scan-open-case = Abrir caso: volume sem dados
scan-several = Vários pacotes têm este número
scan-could-be = Pode ser
scan-hello = Olá, { $name }
scan-last = Últimas dez
scan-where = Onde
scan-where-hint = O nome desta estação; fica neste aparelho.
scan-badge-hint = Leia seu crachá para assumir.
scan-pin = Sem crachá
scan-switch = Sou eu
scan-leave = Estou saindo
scan-help = Códigos da parede
scan-help-text = Sem um código antes, a leitura dá entrada no pacote. Um código da parede diz o que a próxima faz: carregar, reter, avaria, um lugar ou desfazer.
scan-wall = Imprimir a folha da parede
scan-away = Guardado: o depósito não responde
scan-waits = leituras aguardam envio

## cases
cases-open = Abertos
cases-overdue = Atrasados
cases-mine = Meus
cases-free = De ninguém
cases-closed = Encerrados
cases-none = Nada precisa de alguém
cases-none-hint = Casos novos chegam aqui sozinhos, os mais urgentes primeiro.
cases-refused = { $n ->
    [one] Um caso não aceitou o passo.
   *[other] { $shown } casos não aceitaram o passo.
}
case-new = Novo caso
case-open = Abrir o caso
case-subject = Pacote
case-subject-hint = O número; vazio se não é sobre um pacote
case-detail = Qual é o problema
case-take = Assumir
case-wait-for = por
case-how = como
case-why-again = Por que não está resolvido
case-state-open = aberto
case-state-acknowledged = visto
case-state-in_progress = em andamento
case-state-waiting = aguardando
case-state-resolved = resolvido
case-state-merged = unido
case-step-acknowledge = Visto
case-step-start = Iniciar
case-step-wait = Aguardar
case-step-resolve = Resolver
case-step-reopen = Reabrir
case-step-merge = Unir
case-step-assign = Atribuir
case-step-note = Anotar
resolution-solved = resolvido
resolution-delivered = entregue
resolution-redirected = redirecionado
resolution-returned = devolvido
resolution-disposed = descartado
resolution-claimed = indenizado
resolution-false_alarm = alarme falso
resolution-other = outro (diga na nota)
pick = Selecionar
pick-case = Selecionar o caso de { $what }
keys-move = mover
keys-pick = selecionar
keys-open = abrir
escalated = Escalado
waiting-until = Aguarda até
advice-address = Peça o endereço ao remetente ou destinatário e corrija.
advice-recipient = Combine com o destinatário a próxima tentativa.
advice-payment = Cobre o que é devido; segue quando for pago.
advice-customs = Envie ao despachante o que a alfândega pede.
advice-handling = Ache o volume, examine e tire uma foto.
advice-transport = Pergunte à linha onde está; procure antes na doca.
advice-external = Só resta avisar quem espera.
advice-data = Peça o que falta, ou diga o que a palavra significa.
advice-security = Não toque. Chame o responsável.
advice-operation = Avise quem cuida da máquina.
step-opened = aberto
step-acknowledged = visto
step-started = trabalho iniciado
step-waited = adiado até { $until }
step-woken = a espera acabou
step-resolved = resolvido
step-reopened = reaberto
step-merged = continua em outro caso
step-assigned = entregue a { $name }
step-freed = devolvido à mesa
step-escalated = escalado: ninguém tinha começado
step-joined = { $n ->
    [one] um pacote juntou-se
   *[other] { $shown } pacotes juntaram-se
}
step-parted = { $n ->
    [one] um pacote saiu
   *[other] { $shown } pacotes saíram
}
step-blamed = de quem foi: { $fault }
step-costed = custou { $amount }
step-answered = responderam: { $answer }
fault-shipper = do remetente
fault-carrier = da transportadora
fault-depot = do depósito
fault-recipient = do destinatário
fault-authority = de uma autoridade
fault-nature = da natureza
fault-none = de ninguém
answer-new_address = levar a outro endereço
answer-redeliver = tentar outra vez
answer-return = devolver
answer-dispose = destruir
answer-other = outra coisa

## parcels
parcel-number = Número
parcel-new = Anunciar um pacote
parcel-announce = Anunciar
parcel-same-number = Outros têm o mesmo número:
parcel-no-cases = Não há nada de errado.
parcels-exceptional = algo errado
parcels-late = atrasado
parcels-none = Ainda não há pacotes
parcels-none-hint = Importe um arquivo ou leia o primeiro.
parcels-nothing = Nada encontrado
parcels-nothing-hint = Amplie o filtro ou digite o começo de um número.
next-steps = Próximo passo
step-more = Com nota ou motivo
step-reason = Motivo
step-reason-hint = Um código de motivo, ou por que o passo é forçado
step-force = Forçar um passo
step-force-go = Forçar
event-registered = anunciado aqui
event-reported = informado
event-described = dados alterados
event-corrected = corrigido
event-remapped = lido de novo com o mapa alterado
event-stale = sem notícias há muito tempo
event-flag-on = marca posta
event-flag-off = marca retirada
event-handed-over = entregue ao depósito { $site }
event-pickup-noticed = avisou-se que o pacote espera
event-forced = forçado
label-alt = A etiqueta deste pacote
label-no-printer = Nenhuma impressora configurada.
label-reason = Por que de novo
label-reason-hint = Necessário a partir da segunda etiqueta
label-print = Imprimir a etiqueta
label-page = Imprimir com este navegador
label-waiting = aguarda
label-sending = sendo enviada
label-unknown = ninguém sabe
label-printed = impressa
label-dropped = descartada
label-test = etiqueta de teste
label-it-lies-there = Está lá
label-again = Imprimir de novo
label-drop = Descartar

## report
report-numbers = Números
report-hint = { $n ->
    [one] Uma linha por pacote.
   *[other] Um por linha, no máximo { $shown }; um status próprio pode vir depois de uma vírgula.
}
report-send = Informar
report-taken = { $n ->
    [one] Um informe aceito
   *[other] { $shown } informes aceitos
}
report-refused = { $n ->
    [one] um não; fica na lista
   *[other] { $shown } não; ficam na lista
}
report-verdicts = Vereditos

## imports
imports-new = Importar um arquivo
imports-none = Nenhum arquivo ainda
imports-none-hint = Um CSV de uma loja ou transportadora; o formato é descoberto.
import-kind = O que são as linhas
import-parcels = pacotes
import-status = informes sobre pacotes
file-hint = CSV ou texto, em qualquer codificação e com qualquer separador; solte aqui
import-look = Ver antes
import-take = Importar
import-queued = aguarda
import-running = em andamento
import-previewed = visto, nada importado
import-done = concluída
import-done-some = concluída, algumas linhas não aceitas
import-failed = falhou
import-undoing = sendo desfeita
import-undone = desfeita
import-rows-of = { $n ->
    [one] uma linha
   *[other] { $shown } linhas
}
import-errors = { $n ->
    [one] A linha não aceita (CSV)
   *[other] As { $shown } linhas não aceitas (CSV)
}
import-undo = Desfazer
import-undo-hint = Tudo o que este arquivo mudou volta; o que outros informaram depois fica.
import-warnings = Para examinar
import-found = O que é o arquivo
refused-rows = Não aceitas
verdict-created = criados
verdict-updated = alterados
verdict-unchanged = já sabidos
verdict-duplicate = repetidos
verdict-refused = não aceitos

## maps
maps-unmapped = Palavras que ninguém explicou
maps-all-known = Toda palavra é entendida
maps-all-known-hint = Uma palavra que nenhum mapa conhece aparece aqui sozinha.
maps-sources = Origens
map-means = Significa
map-info = só informação, não muda nada
map-whose = Mapa
map-own = próprio
map-shipped = incluído no Crossdock
map-add = Explicar uma palavra
map-in-words = Em palavras

## printers
printer-new = Adicionar impressora
printer-ready = pronta
printer-trouble = precisa de ajuda
printer-untried = ainda não testada
printer-host-hint = Um endereço privado como 192.168.7.20
printer-station-hint = Onde fica; impresso nas etiquetas
printer-answers = Ela diz como está (~HS); desligue para emulações que nunca respondem
printer-test = Imprimir etiqueta de teste
printer-queue = Fila
printer-queue-empty = A fila está vazia
printer-queue-hint = As etiquetas saem uma a uma; uma incerta aguarda sua palavra.
printer-remove = Remover esta impressora
printers-none = Nenhuma impressora ainda
printers-none-hint = Qualquer impressora ZPL nesta rede serve; navegadores imprimem etiquetas sem ela.

## people
user-new = Adicionar pessoa ou estação
user-add = Adicionar
user-on = pode entrar
user-off = desativado
user-waits = aguarda seu sim
user-station = estação
user-is-station = É uma estação: as pessoas assumem por crachá ou PIN
user-active = Pode entrar
user-approved = Aprovado
user-distributors = Só estes distribuidores
user-distributors-hint = Para parceiros, com vírgulas; vazio: como diz o papel
user-secrets = Senha, PIN, crachá
user-secrets-hint = O que ficar vazio não muda. Uma senha nova encerra todas as sessões.
user-overrides = Exceções ao papel
user-log-out = Encerrar todas as sessões
right = Direito
rights = Direitos
roles-hint = Escolha um papel para mudar o que se pode fazer.
reach = Vê os registros de
reach-tenant = toda a casa
reach-distributors = seus distribuidores
reach-own = si mesmo
role-super_admin = Superadministrador
role-admin = Administrador
role-supervisor = Supervisor
role-clerk = Atendente
role-planner = Planejador
role-driver = Motorista
role-partner = Parceiro
role-import_agent = Agente de importação
role-broker = Despachante
role-accounts = Contabilidade
role-auditor = Auditor
role-station = Estação

## settings
settings-house = A casa
limits = Quanto tempo um pacote pode ficar
limits-hint = Horas úteis em um status antes de alguém ser avisado; 0 é sempre.
limit-hours = Horas
limits-special = { $n ->
    [one] Um limite para uma transportadora ou serviço fica como está.
   *[other] { $shown } limites para transportadoras ou serviços ficam como estão.
}

## jobs
job-kind = Tarefa
job-scheduled = aguardando
job-running = em andamento
job-done = concluída
job-dead = abandonada
job-retry = Tentar de novo
job-cancel = Desistir
jobs-none = Nada aqui
jobs-none-hint = O que o depósito faz sozinho aparece aqui.

## audit
audit-verify = Conferir a cadeia
audit-table = Registro
audit-action = Ação
audit-field = Campo
audit-before = Antes
audit-after = Depois
audit-none = Nada encontrado
audit-none-hint = Deixe os filtros vazios para ver tudo.
audit-holds = { $n ->
    [one] A cadeia está íntegra: um registro, inalterado
   *[other] A cadeia está íntegra: { $shown } registros, nenhum alterado
}
audit-broken = A cadeia está rompida no registro { $at }

## sync
sync-now = Trocar agora
sync-business = mudanças não enviadas
sync-audit = auditorias não enviadas
sync-telemetry = medições não enviadas
sync-hq = Matriz
sync-site = Número
sync-last = Última resposta
sync-next = Próxima troca
sync-oldest = Mais antiga não enviada
sync-refused = Recusadas lá
sync-trouble = Problema
sync-join-hint = Para se ligar a uma matriz, peça um código e rode isto na máquina do depósito:
site-ok = em contato
site-silent = em silêncio
site-hold = retido: parece haver duas cópias
site-revoked = chave retirada
site-invited = convidado
site-add = Adicionar depósito
site-code = dê este código ao depósito; ele só aparece uma vez:
site-code-until = Vale até

## routes and fleet
nav-routes = Rotas
nav-live = Mapa ao vivo
nav-fleet = Frota
nav-places = Lugares
nav-figures = Números das rotas
nav-my-figures = Meus números
fleet-vehicle = Veículo
fleet-vehicles = Veículos
fleet-driver = Motorista
fleet-drivers = Motoristas
fleet-deliveries = Entregas
fleet-number = Número
fleet-customer = Cliente
fleet-priority = Prioridade
fleet-priority-low = baixa
fleet-priority-normal = normal
fleet-priority-high = alta
fleet-priority-urgent = urgente
fleet-available = Pode ser planejado
fleet-away = Ausente
fleet-new-vehicle = Adicionar veículo
fleet-new-driver = Adicionar motorista
fleet-none = Ainda não há veículos
fleet-none-hint = Sem nenhum, os planos supõem quantos forem precisos.
fleet-plate = Placa
fleet-kg = Quilos que cabem
fleet-pieces = Peças
fleet-litres = Litros
fleet-from = Roda a partir de
fleet-to = Até
fleet-shift = Turno
fleet-skills = Habilidades
fleet-skills-hint = Separadas por vírgulas, como cooled, tail_lift
fleet-max-stops = Paradas por dia, no máximo
fleet-max-km = Quilômetros por dia, no máximo
fleet-user = Entra como
fleet-licence = Carteira de motorista
routes-count = Rotas
routes-none = Nenhuma rota neste dia
routes-none-hint = Planeje o dia: escolha entregas e veículos e veja o resultado.
routes-none-own = Quando receber uma rota, ela aparece aqui.
route-planned = planejada
route-dispatched = na rua
route-completed = concluída
route-cancelled = cancelada
route-deleted = apagada
route-day = Dia
route-plan = Plano para
route-plan-day = Planejar um dia
route-day-anew = Replanejar o que não saiu
route-map = Mapa das rotas
route-strips = Contra o relógio
route-drag-hint = Arraste uma parada para outro veículo e veja quanto custa; nada muda antes de aceitar.
route-stops = Paradas
route-stops-done = Paradas feitas
route-distance = Distância
route-late = Atrasada
route-hours = Saída e volta
route-at-wheel = Ao volante
route-source = Tempos de viagem de
route-rests-on = Baseia-se em:
route-arrival = Chegada
route-begins = começa
route-window = Janela
route-done = feita
route-move = Mover para
route-look = E se
route-dispatch = Entregar ao motorista
route-replan = Replanejar
route-cancel = Cancelar a rota
route-goal = O que conta
route-goal-both = Distância e tempo
route-goal-distance = Distância
route-goal-time = Tempo
route-goal-fuel = Combustível
route-seconds = Segundos de busca
route-fewest = O menor número de veículos primeiro
route-search = Buscar
route-choose = Escolher
route-no-vehicles = Não há nenhum: supõem-se quantos forem precisos.
route-no-place = ninguém sabe onde fica
route-nothing = Nada para planejar
route-nothing-hint = Toda entrega aberta já está em uma rota.
route-searching = Buscando
route-waiting = Aguardando a vez
route-plans-found = Planos encontrados
route-served = Paradas atendidas
route-stop-search = Ficar com o melhor até agora
route-cut-short = Encerrada antes: o melhor plano até então.
route-left-out = Ficaram de fora
route-score = Pontos de 100
route-failed = Nenhum plano encontrado
route-search-cancelled = A busca foi cancelada
route-to-day = Para o dia
route-whatif = E se
route-same = como antes
route-would-end = A primeira rota ficaria sem paradas e deixa de existir.
route-accept = Aceitar
route-leave = Deixar como está
route-after = Como ficaria
act-deliver = deixar
act-collect = coletar
act-fetch = buscar
act-drop = deixar
act-reload = recarregar
act-pause = pausa
travel-map_server = servidor de mapas
travel-cached = servidor de mapas, na última hora
travel-own_map = mapa de ruas importado
travel-estimated = estimativa
lack-skills = habilidades
lack-capacity = capacidade
lack-windows = janelas
lack-shift = turno
lack-route_time = tempo de rota
lack-route_distance = distância
lack-stops = paradas
lack-not_worth = não compensa
accuracy-exact = a própria porta
accuracy-street = a rua
accuracy-postcode = o CEP
accuracy-city = a cidade
place-given = veio junto
place-hand = corrigido à mão
place-remembered = uma parada anterior
place-file = um arquivo importado
places-find = Onde fica
places-by-hand = Corrigidos à mão
places-none = Nada foi corrigido ainda
places-none-hint = Procure um endereço acima; se estiver errado, diga onde fica.
places-position = Posição
places-put-right = Dizer onde fica
places-latitude = Graus norte
places-longitude = Graus leste
places-accuracy = Precisão
live-none = Ninguém informa posição
live-none-hint = Telefones e rastreadores são adicionados em /tracking/devices; o telefone do motorista informa sozinho.
live-heard = Notícia há
live-next = Próxima parada
live-eta = Previsão
live-left = Faltam
live-stale = sem notícias
live-moves = no horário
figures-none = Nenhuma rota nestes dias
figures-none-hint = Escolha outros dias.
figures-per-day = Paradas feitas por dia
figures-on-time = No horário
figures-duration = Duração média
figures-efficiency = Eficiência
figures-cut = Havia mais rotas do que se conta; escolha menos dias.
efficiency-means = Eficiência = 100 × duração real / estimada das rotas concluídas, da entrega ao motorista (ou da saída planejada, se entregue antes) à última parada: abaixo de 100 é mais rápido que o plano.
route-unknown-places = { $n ->
    [one] De uma entrega ninguém sabe o lugar.
   *[other] De { $shown } entregas ninguém sabe o lugar.
}
live-late = { $n ->
    [one] um minuto de atraso
   *[other] { $shown } minutos de atraso
}

## statuses
status-unknown = desconhecido
status-announced = anunciado
status-accepted = aceito
status-in_transit = em trânsito
status-customs = na alfândega
status-at_depot = no depósito
status-out_for_delivery = saiu para entrega
status-ready_for_pickup = pronto para retirada
status-attempted = tentado
status-on_hold = retido
status-returning = em devolução
status-lost = perdido
status-delivered = entregue
status-returned = devolvido
status-disposed = descartado
status-cancelled = cancelado

## reasons
reason-address_incomplete = Endereço incompleto
reason-address_not_found = Endereço não encontrado
reason-recipient_unknown = Destinatário desconhecido
reason-recipient_moved = Destinatário mudou-se
reason-recipient_absent = Destinatário ausente
reason-business_closed = Estabelecimento fechado
reason-access_restricted = Sem acesso à porta
reason-safe_place_unavailable = Sem lugar seguro
reason-appointment = Agendamento
reason-hold_requested = Retenção pedida
reason-redirect_requested = Redirecionamento pedido
reason-rescheduled = Reagendado
reason-refused = Recusado
reason-shipper_cancelled = Cancelado pelo remetente
reason-identity_failed = Identidade não comprovada
reason-cod_unpaid = Pagamento na entrega pendente
reason-charges_unpaid = Taxas não pagas
reason-duties_unpaid = Impostos não pagos
reason-duties_disputed = Impostos contestados
reason-insufficient_postage = Porte insuficiente
reason-pickup_not_collected = Não retirado
reason-customs_hold = Retido na alfândega
reason-customs_documents = Faltam documentos aduaneiros
reason-customs_refused = Recusado pela alfândega
reason-inspection = Inspeção
reason-prohibited = Mercadoria proibida
reason-damaged = Avariado
reason-repacked = Reembalado
reason-relabelled = Reetiquetado
reason-lost = Perdido
reason-investigation = Em investigação
reason-short_shipped = Faltam volumes
reason-overcarried = Passou do destino
reason-offloaded = Descarregado por falta de espaço
reason-loading_exception = Problema no carregamento
reason-missorted = Triagem errada
reason-missed_cutoff = Perdeu a saída
reason-linehaul_delay = Linha atrasada
reason-capacity = Sem espaço
reason-vehicle_breakdown = Veículo quebrado
reason-equipment_failure = Falha de equipamento
reason-weather = Clima
reason-disaster = Desastre
reason-civil_unrest = Distúrbios
reason-labour_dispute = Greve
reason-power_outage = Falta de energia
reason-not_ready = Não estava pronto no remetente
reason-label_unreadable = Etiqueta ilegível
reason-data_missing = Faltam dados
reason-shipper_data_error = Dados do remetente errados
reason-overweight_oversize = Pesado ou grande demais
reason-out_of_area = Fora da área
reason-service_suspended = Serviço suspenso
reason-carrier_rejected = Recusado pela transportadora
reason-dangerous_goods = Carga perigosa
reason-security_hold = Retenção de segurança
reason-seized = Apreendido
reason-undeliverable = Impossível entregar
reason-unspecified = Sem motivo indicado
reason-status_stale = Sem notícias há muito
reason-piece_without_data = Volume sem dados
reason-data_without_piece = Dados sem volume
reason-status_conflict = Informes contraditórios
reason-duplicate = Duas vezes o mesmo
reason-duplicate_scan = Lido duas vezes
reason-wrong_route_loaded = Carregado na rota errada
reason-unmapped_code = Palavra desconhecida
reason-over_received = Mais volumes que o anunciado
reason-job_dead = Tarefa abandonada
reason-job_late = Tarefa atrasada
reason-job_blocked = Tarefa bloqueada
reason-server_errors = Erros do servidor
reason-backup_overdue = Backup atrasado
reason-sync_offline = Linha com a matriz cortada
reason-sync_held = Troca retida
reason-clock_wrong = Relógio errado
reason-disk_low = Disco quase cheio
reason-audit_broken = Cadeia de auditoria rompida
